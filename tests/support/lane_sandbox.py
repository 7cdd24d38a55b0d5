"""A lane before a sandbox, on a clock that waits for nobody but the sockets."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from agents.deliver import Lane, build_lane
from agents.engine.kafka import Record
from agents.lanes.pending import LaneItem
from agents.lanes.simple import SimpleLane
from agents.shared.context import ORIGIN_HEADER
from streams.actions.activation import Activation, LaneId
from streams.actions.intents import Intent
from streams.actions.kinds import intent_kind, list_id_of
from streams.delivery.coalescer import BatchKey, QueuedItem
from streams.delivery.verdict import ItemVerdict
from streams.destination.loader import compile_destination
from streams.events.origin import Origin
from streams.klaviyo.api.client import KlaviyoClient
from streams.rate_limiting.limiter import Clock
from streams.sandbox import Sandbox, SandboxConfig
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

SOCKET_POLL_S = 0.001
"""So long the sockets are looked at before time is skipped: bytes are there at once."""


class ListeningLoop(SkippingLoop):
    """Time passes when nothing else can happen, and no bytes are on their way."""

    def _run_once(self) -> None:
        inside: Any = self  # its selector is asyncio's own; there is no other way in
        if not inside._ready and inside._selector.select(SOCKET_POLL_S):  # noqa: SLF001 - see above
            asyncio.SelectorEventLoop._run_once(self)  # type: ignore[attr-defined] # noqa: SLF001 - not in typeshed
        else:
            super()._run_once()


class LaneSandboxHarness:
    """A lane, and the sandbox behind it.

    Attributes:
        lane: The lane.
        klaviyo: The sandbox.
        producer: Where its outcomes go.
        part: The partition it reads.
    """

    def __init__(
        self,
        lane: LaneId,
        klaviyo: Sandbox,
        client: KlaviyoClient,
        options: dict[str, Any],
    ) -> None:
        self.klaviyo = klaviyo
        self.client = client
        self.producer = FakeProducer()
        self.part = partition(f"t.activations.{lane}")
        destination = compile_destination(options.get("destination"))
        setting_values = {
            name: options[name] for name in options.keys() - {"destination"}
        }
        services = context(
            self.producer,
            klaviyo=client,
            worker_settings=settings(**setting_values),
            destination=destination,
        )
        clock_s = klaviyo.config.clock_s
        services = replace(services, now_ms=lambda: int(clock_s() * 1000))
        self.lane: Lane = build_lane(services, lane)

    async def send(self, *intents: Intent) -> list[ItemVerdict]:
        """Send a batch of them; the first says which."""
        assert isinstance(self.lane, SimpleLane)
        items = [queued_item(at, intent) for at, intent in enumerate(intents)]
        verdicts = await self.lane.send(batch_key_for(intents[0]), items)
        assert verdicts is not None
        return verdicts

    async def enqueue(self, *records: Record) -> None:
        """Hand it a poll, as its agent does."""
        self.part.hold()
        await self.lane.service.enqueue(
            [(self.part, track_records(self.part, *records))]
        )
        self.part.release()

    def outcomes(self) -> list[tuple[int, str, str]]:
        """Say what became of which record, in that order."""
        return [
            (item.origin.offset, item.verdict.value, item.reason.partition(":")[0])
            for item in self.producer.outcomes()
        ]


def now_s() -> float:
    """Say what time it is."""
    return asyncio.get_running_loop().time()


def activation(offset: int, intent: Intent, *, user: str = "u") -> Activation:
    """Make an activation."""
    return Activation(
        action="any",
        user=user,
        intent=intent,
        time_ms=offset,
        origin=Origin(topic="source", partition=0, offset=offset),
    )


def queued_item(offset: int, intent: Intent) -> LaneItem:
    """Make what waits."""
    item_activation = activation(offset, intent, user=f"u{offset}")
    return QueuedItem(activation=item_activation, records=(), queued_s=0.0)


def batch_key_for(intent: Intent) -> BatchKey:
    """Say what an intent can be sent with."""
    list_id = list_id_of(intent)
    return BatchKey(intent_kind(intent), f"id:{list_id}" if list_id else "", "any")


def lane_record(offset: int, intent: Intent, *, user: str = "u") -> Record:
    """Make a record of the lane."""
    record_activation = activation(offset, intent, user=user)
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
    """Run a story at a desk of its own.

    Args:
        lane: Which lane.
        scenario: What happens.
        options: Settings, and the destination file under `destination`.
        config: How the sandbox behaves.
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
    """Say what became of each."""
    return [(verdict.verdict.value, verdict.reason) for verdict in verdicts]
