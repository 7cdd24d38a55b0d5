"""Workers in one process that may be killed anywhere, and a sandbox as Klaviyo.

Topics are lists. A worker that is killed leaves what it has written; its successor
reads from the last committed offset, with an empty duplicate filter and a table
recovered from the changelog.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from multidict import CIMultiDict

from agents import activate, intake
from agents.deliver import create_lane
from agents.engine.kafka import Record
from agents.engine.producer import Message, SendResult
from agents.lanes.service import LaneService
from streams.destination.model import Destination
from streams.klaviyo.api.client import KlaviyoClient, Transport
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.responses import parse_response
from streams.klaviyo.api.results import AttemptResult
from streams.rate_limiting.limiter import Clock
from streams.sandbox import Sandbox, SandboxConfig
from streams.sandbox.account.account import Account
from streams.sandbox.operations import OPERATIONS
from streams.sandbox.server import pipeline
from streams.settings.model import LaneId
from streams.state.entries import merge_entry
from tests.judging import note_request
from tests.streams.klaviyo.fakes import KEY, START_S
from tests.support.worker_fakes import (
    FakeProducer,
    FakeTable,
    context,
    partition,
    record,
)

NEVER = 1_000_000
"""Number of requests or records that no worker lives to see."""

POLL_S = 0.5

_PATHS = [
    (operation, re.compile(operation.path.replace("{id}", "([^/]+)")))
    for operation in OPERATIONS.values()
]


class WorkerKilled(Exception):
    """End of a worker in the middle of its work."""


class SandboxTransport(Transport):
    """Transport to a sandbox in this process.

    Args:
        account: Account of the sandbox.

    Attributes:
        lives_for: Requests until the worker is killed; the last one is executed, and
            its response reaches nobody.
        killed: Set when the worker has been killed.
    """

    def __init__(self, account: Account) -> None:
        super().__init__(api_key=KEY, base_url="http://127.0.0.1:9", timeout_s=1.0)
        self.lives_for = NEVER
        self.killed = asyncio.Event()
        self._account = account

    async def exchange(
        self, request: Request
    ) -> tuple[AttemptResult, Mapping[str, str]]:
        """Execute a request in the sandbox."""
        await asyncio.sleep(0)
        if self.lives_for <= 0:
            self.killed.set()
            await asyncio.Event().wait()
        note_request(request.endpoint.method, request.path, request.body)
        response = pipeline.handle(self._account, self._read(request))
        self.lives_for -= 1
        if self.lives_for <= 0:
            self.killed.set()
            await asyncio.Event().wait()
        headers = CIMultiDict(response.headers)
        return parse_response(response.status, headers, response.body), headers

    def _read(self, request: Request) -> pipeline.RawRequest:
        path = urlsplit(request.target).path
        [(operation, match)] = [
            (operation, match)
            for operation, pattern in _PATHS
            if operation.method == request.endpoint.method
            and (match := pattern.fullmatch(path))
        ]
        return pipeline.RawRequest(
            operation=operation,
            path_id=match[1] if match.groups() else "",
            path=path,
            base_url="http://127.0.0.1:9",
            query=dict(parse_qsl(urlsplit(request.target).query)),
            headers=self._headers,
            body=request.body,
            now_s=self._account.apply_due(),
        )


def skipping_sandbox(**config: Any) -> Sandbox:  # noqa: ANN401 - fields of the configuration
    """Return a sandbox without quotas, on the clock of the event loop, which skips.

    Args:
        config: Further fields of `SandboxConfig`.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    return Sandbox(
        SandboxConfig(
            quota_scale=None,
            journal=None,  # its transport notes the requests for the judge
            clock_s=lambda: START_S + loop.time() - began_s,
            **config,
        )
    )


class InProcessClient(KlaviyoClient):
    """Client of a sandbox in this process.

    Args:
        account: Account of the sandbox.

    Attributes:
        transport: The transport, which ends with the worker.
    """

    def __init__(self, account: Account) -> None:
        loop = asyncio.get_running_loop()
        timing = Clock(monotonic_s=loop.time, sleep=asyncio.sleep, rng=lambda: 0.5)
        super().__init__(api_key=KEY, clock=timing)
        self.transport = self._transport = SandboxTransport(account)


class MortalProducer(FakeProducer):
    """Producer that may be killed between two records of a send.

    Attributes:
        lives_for: Records until the worker is killed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lives_for = NEVER

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Keep the records, as far as the worker lives."""
        results = await super().send(messages[: self.lives_for])
        self.lives_for -= len(messages)
        if self.lives_for < 0:
            self.lives_for = NEVER
            raise WorkerKilled
        return results


class MortalTable(FakeTable):
    """Table that may be killed between two entries of a write.

    Attributes:
        lives_for: Entries until the worker is killed.
    """

    def __init__(self, producer: FakeProducer, changelog: list[Any]) -> None:
        super().__init__(producer)
        self.lives_for = NEVER
        self.changelog_records = changelog
        for key, changed in changelog:
            entry = merge_entry(key, self.store.get(key), changed)
            self.store.write({key: entry}, next_offset=0)

    async def write(self, changes: Mapping[int, Mapping[bytes, bytes | None]]) -> None:
        """Write the entries, as far as the worker lives."""
        rows = [row for entries in changes.values() for row in entries.items()]
        self.changelog_records += rows[: self.lives_for]
        self.lives_for -= len(rows)
        if self.lives_for < 0:
            raise WorkerKilled
        await super().write(changes)


class LaneWorker:
    """Owner of one partition of a lane, until it is killed.

    Args:
        pipeline: The pipeline.
        lane: The lane.
    """

    def __init__(self, owner: "InProcessPipeline", lane: LaneId) -> None:
        client = InProcessClient(owner.klaviyo.account)
        self.transport = client.transport
        services = replace(owner.context, klaviyo=client)
        self.part = partition(f"t.activations.{lane}")
        self.lane = create_lane(services, lane)
        self.grace_s = self.lane.options.grace_s
        self.service = LaneService(services, self.lane)

    async def settle(self, records: list[Record], *, lives_for: int) -> bool:
        """Settle records; False if the worker was killed before the commit.

        Args:
            records: Records of the partition.
            lives_for: Requests until the worker is killed.
        """
        self.transport.lives_for = lives_for
        self.part.track([lane_record.offset for lane_record in records])
        await self.service.enqueue([(self.part, records)])
        while self.part.unfinished_count and not self.transport.killed.is_set():  # noqa: ASYNC110 - time is skipped
            await asyncio.sleep(POLL_S)
        return lives_for == NEVER

    async def kill(self) -> None:
        """End the worker: nothing that it has begun is finished."""
        self.transport.lives_for = 0
        self.part.revoking = self.part.revoked = True
        await self.service.stop()
        self.service.on_partitions_revoked([self.part])
        await asyncio.sleep(2 * self.grace_s)  # what is in flight is cancelled


class InProcessPipeline:
    """The stages of some workers, from source records to the sandbox.

    Args:
        klaviyo: The sandbox.
        destination: The compiled destination file.

    Attributes:
        context: Services of the workers.
        producer: Keeps what the workers write.
        backlog: Events that activate has not committed.
        changelog: Records of the table's changelog: key and entry.
    """

    def __init__(self, klaviyo: Sandbox, destination: Destination) -> None:
        self.klaviyo = klaviyo
        self.producer = MortalProducer()
        self.changelog: list[Any] = []
        services = context(
            self.producer,
            klaviyo=InProcessClient(klaviyo.account),
            destination=destination,
        )
        clock_s = klaviyo.config.clock_s
        self.context = replace(services, now_ms=lambda: int(clock_s() * 1000))
        self.table = self._recover_table()
        self.backlog: list[Record] = []
        self._workers: dict[tuple[LaneId, bytes], LaneWorker] = {}
        self._read_count = self._event_count = self._published_count = 0
        self._committed = defaultdict[tuple[LaneId, bytes], int](int)
        self._records = defaultdict[tuple[LaneId, bytes], list[Record]](list)

    async def publish(
        self, events: Sequence[Mapping[str, Any]], *, again: int = 0
    ) -> None:
        """Run intake on source records.

        Args:
            events: Bodies of the events.
            again: Number of the last records that intake reads twice, because its
                worker was killed before it committed them.
        """
        sources = [
            record(orjson.dumps(body), offset=offset, topic="source")
            for offset, body in enumerate(events, self._published_count)
        ]
        self._published_count += len(sources)
        await intake.process_records(self.context, sources)
        await intake.process_records(self.context, sources[len(sources) - again :])
        self._read_events()

    def _read_events(self) -> None:
        messages = self.producer.to("t.events")
        self.backlog += [
            record(
                message.value,
                offset=offset,
                key=message.key,
                headers=message.headers,
                topic="t.events",
            )
            for offset, message in enumerate(messages)
            if offset >= self._event_count
        ]
        self._event_count = len(messages)

    async def activate(
        self,
        count: int,
        *,
        records: int = NEVER,
        entries: int = NEVER,
        key: bytes | None = None,
    ) -> None:
        """Run activate on the next events, by a worker that may be killed.

        Args:
            count: Number of events.
            records: Records that it writes before it is killed.
            entries: Entries that it writes before it is killed; at its end it has not
                committed.
            key: Key of the events, whose partition no other worker has; None for all.
        """
        self.producer.lives_for, self.table.lives_for = records, entries
        batch = [one for one in self.backlog if key in {None, one.key}][:count]
        try:
            await activate.process_batch(self.context, [(partition("t.events"), batch)])
            is_committed = records == entries == NEVER
        except WorkerKilled:
            is_committed = False
        self.producer.lives_for = NEVER
        if is_committed:
            self.backlog = [one for one in self.backlog if one not in batch]
        else:
            self.table = self._recover_table()
        self._read_events()
        self._read_activations()

    async def settle(
        self, lane: LaneId, key: bytes, count: int, *, requests: int = NEVER
    ) -> None:
        """Settle the next records of a partition of a lane.

        Args:
            lane: The lane.
            key: User key; each has a partition of its own.
            count: Number of records.
            requests: Requests that the worker sends before it is killed; at its end it
                has not committed.
        """
        start = self._committed[lane, key]
        records = self._records[lane, key][start : start + count]
        if not records:
            return
        worker = self._workers.get((lane, key))
        if worker is None:
            worker = self._workers[lane, key] = LaneWorker(self, lane)
            await worker.service.on_partition_assigned(0)
            await worker.service.start()
        now_ms = self.context.now_ms()
        records = [replace(one, timestamp=now_ms) for one in records]
        if await worker.settle(records, lives_for=requests):
            self._committed[lane, key] += len(records)
        else:
            await self._workers.pop((lane, key)).kill()

    async def settle_all(self, lanes: Sequence[LaneId]) -> None:
        """Activate what is left, then settle each lane to its end."""
        while self.backlog:
            await self.activate(len(self.backlog))
        for lane in lanes:
            for key in self.keys_of(lane):
                await self.settle(lane, key, NEVER)

    def keys_of(self, lane: LaneId) -> list[bytes]:
        """Return the keys of the records on a lane, each once."""
        return [key for of, key in self._records if of is lane]

    async def stop(self) -> None:
        """End all workers of the pipeline."""
        for worker in self._workers.values():
            await worker.kill()

    def _recover_table(self) -> MortalTable:
        table = MortalTable(self.producer, self.changelog)
        self.context = replace(self.context, user_states=table)
        return table

    def _read_activations(self) -> None:
        for message in self.producer.sent[self._read_count :]:
            prefix, _, lane = message.topic.rpartition(".")
            if prefix == "t.activations":
                key = (LaneId(lane), message.key or b"")
                activation = record(
                    message.value,
                    offset=len(self._records[key]),
                    key=message.key,
                    headers=message.headers,
                    topic=message.topic,
                )
                self._records[key].append(activation)
        self._read_count = len(self.producer.sent)
