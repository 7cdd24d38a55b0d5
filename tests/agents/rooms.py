"""A lane before a sandbox, on a clock that waits for nobody but the sockets."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from agents.context import ORIGIN
from agents.deliver import Room, room_of
from agents.engine.kafka import Record
from agents.lanes.plain import PlainLane
from agents.lanes.receipt import Waiting
from streams.actions.activation import Activation, Lane
from streams.actions.intents import Intent
from streams.actions.kinds import kind_of, list_of
from streams.delivery.queue import Group, Item
from streams.delivery.verdict import ItemVerdict
from streams.destination.reading import destination_of
from streams.events.origin import Origin
from streams.klaviyo.client import KlaviyoClient
from streams.pacing.gate import Timing
from streams.sandbox import Sandbox, SandboxConfig
from tests.agents.fakes import (
    FakeProducer,
    SkippingLoop,
    context,
    delivered,
    partition,
    record,
    settings,
)
from tests.streams.klaviyo.fakes import KEY, START_S

T = TypeVar("T")

LOOK_S = 0.001
"""So long the sockets are looked at before time is skipped: bytes are there at once."""


class ListeningLoop(SkippingLoop):
    """Time passes when nothing else can happen, and no bytes are on their way."""

    def _run_once(self) -> None:
        inside: Any = self  # its selector is asyncio's own; there is no other way in
        if not inside._ready and inside._selector.select(LOOK_S):  # noqa: SLF001 - see above
            asyncio.SelectorEventLoop._run_once(self)  # type: ignore[attr-defined] # noqa: SLF001 - not in typeshed
        else:
            super()._run_once()


class Desk:
    """A lane, and the sandbox behind it.

    Attributes:
        room: The lane.
        klaviyo: The sandbox.
        producer: Where its outcomes go.
        part: The partition it reads.
    """

    def __init__(
        self, lane: Lane, klaviyo: Sandbox, client: KlaviyoClient, told: dict[str, Any]
    ) -> None:
        self.klaviyo = klaviyo
        self.client = client
        self.producer = FakeProducer()
        self.part = partition(f"t.activations.{lane}")
        destination = destination_of(told.get("destination"))
        named = {name: told[name] for name in told.keys() - {"destination"}}
        services = context(
            self.producer,
            klaviyo=client,
            told=settings(**named),
            destination=destination,
        )
        clock_s = klaviyo.config.clock_s
        services = replace(services, now_ms=lambda: int(clock_s() * 1000))
        self.room: Room = room_of(services, lane)

    async def send(self, *intents: Intent) -> list[ItemVerdict]:
        """Send a batch of them; the first says which."""
        assert isinstance(self.room, PlainLane)
        items = [waiting(at, intent) for at, intent in enumerate(intents)]
        verdicts = await self.room.send(group_of(intents[0]), items)
        assert verdicts is not None
        return verdicts

    async def take_in(self, *records: Record) -> None:
        """Hand it a poll, as its agent does."""
        self.part.hold()
        await self.room.service.take_in([(self.part, delivered(self.part, *records))])
        self.part.release()

    def ends(self) -> list[tuple[int, str, str]]:
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


def waiting(offset: int, intent: Intent) -> Waiting:
    """Make what waits."""
    made = activation(offset, intent, user=f"u{offset}")
    return Item(activation=made, receipts=(), since_s=0.0)


def group_of(intent: Intent) -> Group:
    """Say what an intent can be sent with."""
    list_id = list_of(intent)
    return Group(kind_of(intent), f"id:{list_id}" if list_id else "", "any")


def lane_record(offset: int, intent: Intent, *, user: str = "u") -> Record:
    """Make a record of the lane."""
    made = activation(offset, intent, user=user)
    return record(
        msgspec.json.encode(made),
        timestamp=int(START_S * 1_000),
        offset=offset,
        key=user.encode(),
        headers=[(ORIGIN, str(made.origin).encode())],
    )


def play(
    lane: Lane,
    story: Callable[[Desk], Coroutine[Any, Any, T]],
    *,
    told: dict[str, Any] | None = None,
    **config: Any,  # noqa: ANN401 - of a sandbox
) -> T:
    """Run a story at a desk of its own.

    Args:
        lane: Which lane.
        story: What happens.
        told: Settings, and the destination file under `destination`.
        config: How the sandbox behaves.
    """

    async def opened() -> T:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        timing = Timing(clock=loop.time, sleep=asyncio.sleep, rng=lambda: 0.5)
        kind = SandboxConfig(
            quota_scale=None,
            clock_s=lambda: START_S + loop.time() - began_s,
            **config,
        )
        async with (
            Sandbox(kind) as klaviyo,
            KlaviyoClient(api_key=KEY, timing=timing, base_url=klaviyo.url) as client,
        ):
            return await story(Desk(lane, klaviyo, client, told or {}))

    with asyncio.Runner(loop_factory=ListeningLoop) as runner:
        return runner.run(opened())


def reasons(verdicts: Sequence[ItemVerdict]) -> list[tuple[str, str]]:
    """Say what became of each."""
    return [(one.verdict.value, one.reason) for one in verdicts]
