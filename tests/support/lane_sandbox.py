"""Harness for a real lane and a sandbox, on a clock that skips all but the sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from agents.deliver import create_lane
from agents.engine.kafka import Record
from agents.lanes.lane import Lane, NotNow
from agents.lanes.pending import LaneItem
from agents.lanes.service import LaneService
from streams.actions.activation import Activation, ById
from streams.actions.intents import Intent, intent_kind, list_id_of
from streams.delivery.coalescer import BatchKey, QueuedItem
from streams.delivery.verdict import ItemVerdict, Reason
from streams.destination.loader import compile_destination
from streams.events.canonical_event import ORIGIN_HEADER, Origin
from streams.klaviyo.api.client import KlaviyoClient
from streams.rate_limiting.limiter import Clock
from streams.sandbox import Sandbox, SandboxConfig
from streams.settings.model import LaneId
from tests.streams.klaviyo.fakes import KEY, START_S
from tests.support.worker_fakes import (
    FakeProducer,
    SkippingLoop,
    context,
    partition,
    record,
    settings,
    track_records,
)

T = TypeVar("T")

POLL_S = 0.1

SOCKET_POLL_S = 0.001
"""Time for which sockets are polled before time is skipped: bytes come at once."""


class ListeningLoop(SkippingLoop):
    """Event loop that skips time when nothing can happen and no bytes arrive."""

    def _run_once(self) -> None:
        inside: Any = self  # its selector is asyncio's own; there is no other way in
        if not inside._ready and inside._selector.select(SOCKET_POLL_S):  # noqa: SLF001 - see above
            asyncio.SelectorEventLoop._run_once(self)  # type: ignore[attr-defined] # noqa: SLF001 - not in typeshed
        else:
            super()._run_once()


class LaneSandboxHarness:
    """Lane with its service, and the sandbox that it sends to.

    Attributes:
        lane: The lane.
        service: The service of the lane.
        context: Services that the lane has.
        klaviyo: The sandbox.
        client: Client of the sandbox.
        producer: Keeps outcomes and dead letters.
        part: The partition that the lane reads.
    """

    def __init__(
        self,
        lane: LaneId,
        klaviyo: Sandbox,
        client: KlaviyoClient,
        options: dict[str, Any],
    ) -> None:
        self._options = options
        self.klaviyo = klaviyo
        self.client = client
        self.producer = FakeProducer()
        self.part = partition(f"t.activations.{lane}")
        raw = options.get("destination")
        setting_values = {
            name: options[name] for name in options.keys() - {"destination"}
        }
        services = context(
            self.producer,
            klaviyo=client,
            worker_settings=settings(**setting_values),
            destination=None if raw is None else compile_destination(raw),
        )
        clock_s = klaviyo.config.clock_s
        services = replace(services, now_ms=lambda: int(clock_s() * 1000))
        self.context = services
        self.lane: Lane = create_lane(services, lane)
        self.service = LaneService(services, self.lane)

    async def send(self, *intents: Intent) -> list[ItemVerdict]:
        """Send a batch with the batch key of the first intent."""
        items = [queued_item(at, intent) for at, intent in enumerate(intents)]
        verdicts = await self.lane.send(self.client, batch_key_for(intents[0]), items)
        assert not isinstance(verdicts, NotNow)
        return verdicts

    @asynccontextmanager
    async def take_over(self, lane: LaneId) -> AsyncIterator["LaneSandboxHarness"]:
        """Run a lane of the partition's next owner, in front of the same sandbox."""
        successor = LaneSandboxHarness(lane, self.klaviyo, self.client, self._options)
        await successor.service.on_partition_assigned(0)
        async with successor.service:
            yield successor

    async def wait_for_outcomes(self, count: int) -> None:
        """Wait until a number of records have an outcome."""
        while len(self.producer.outcomes()) < count:  # noqa: ASYNC110 - time is skipped
            await asyncio.sleep(POLL_S)

    async def enqueue(self, *records: Record) -> None:
        """Hand records over as one fetch, the way the stage's agent does."""
        self.part.hold()
        await self.service.enqueue([(self.part, track_records(self.part, *records))])
        self.part.release()

    def outcomes(self) -> list[tuple[int, str, str]]:
        """Return offset, verdict and reason code of each outcome, in order."""
        return [
            (item.origin.offset, item.verdict.value, Reason.parse(item.reason).code)
            for item in self.producer.outcomes()
        ]


def now_s() -> float:
    """Return the time of the running loop."""
    return asyncio.get_running_loop().time()


def activation(
    offset: int, intent: Intent, *, user: str = "u", audience: str = ""
) -> Activation:
    """Build an activation from an intent."""
    return Activation(
        action="any",
        user=user,
        intent=intent,
        time_ms=offset,
        origin=Origin(topic="source", partition=0, offset=offset),
        audience=audience,
    )


def queued_item(offset: int, intent: Intent) -> LaneItem:
    """Build an item that stands for no record."""
    item_activation = activation(offset, intent, user=f"u{offset}")
    return QueuedItem.of(item_activation, records=(), queued_s=0.0)


def batch_key_for(intent: Intent) -> BatchKey:
    """Return the batch key of an intent."""
    list_id = list_id_of(intent)
    return BatchKey(intent_kind(intent), ById(list_id) if list_id else None, "any")


def lane_record(
    offset: int, intent: Intent, *, user: str = "u", audience: str = ""
) -> Record:
    """Build a record of the lane."""
    record_activation = activation(offset, intent, user=user, audience=audience)
    return record(
        msgspec.json.encode(record_activation),
        timestamp=int(START_S * 1_000),
        offset=offset,
        key=user.encode(),
        headers=[(ORIGIN_HEADER, str(record_activation.origin).encode())],
    )


def run_scenario(
    lane: LaneId,
    scenario: Callable[[LaneSandboxHarness], Coroutine[Any, Any, T]],
    *,
    options: dict[str, Any] | None = None,
    **config: Any,  # noqa: ANN401 - of a sandbox
) -> T:
    """Run a scenario with a harness of its own.

    Args:
        lane: The lane.
        scenario: The scenario.
        options: Settings, and the destination file under `destination`.
        config: Configuration of the sandbox.
    """

    async def run_with_sandbox() -> T:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        timing = Clock(monotonic_s=loop.time, sleep=asyncio.sleep, rng=lambda: 0.5)
        sandbox_config = SandboxConfig(
            quota_scale=None,
            clock_s=lambda: START_S + loop.time() - began_s,
            **config,
        )
        async with (
            Sandbox(sandbox_config) as klaviyo,
            KlaviyoClient(api_key=KEY, clock=timing, base_url=klaviyo.url) as client,
        ):
            return await scenario(
                LaneSandboxHarness(lane, klaviyo, client, options or {})
            )

    with asyncio.Runner(loop_factory=ListeningLoop) as runner:
        return runner.run(run_with_sandbox())


def verdict_reasons(verdicts: Sequence[ItemVerdict]) -> list[tuple[str, str]]:
    """Return verdict and reason of each item."""
    return [(verdict.verdict.value, verdict.reason) for verdict in verdicts]
