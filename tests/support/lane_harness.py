"""Harness for the lane service: a scripted lane, on a clock that skips waiting."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from agents.engine.kafka import Record
from agents.lanes.lane import BatchResult, LaneOptions
from agents.lanes.pending import LaneItem, PendingRecord
from agents.lanes.service import LaneService
from streams.actions.activation import Activation
from streams.actions.intents import Intent, ListAdd, ListRemove
from streams.delivery.coalescer import BatchKey, MergePolicy, Reservations
from streams.delivery.merge_policies import keep_latest
from streams.delivery.verdict import delivered as accepted
from streams.events.canonical_event import (
    EVENT_OFFSET_HEADER,
    ORIGIN_HEADER,
    SOURCE_TIME_HEADER,
    Origin,
)
from streams.klaviyo.api.client import KlaviyoClient
from streams.rate_limiting.limiter import Clock, RateLimiter
from streams.settings.model import LaneId
from tests.support.worker_fakes import (
    NOW_MS,
    FakeProducer,
    ScriptedKlaviyo,
    context,
    partition,
    record,
    run,
    track_records,
)

GRACE_S = 10.0
SOURCE_AGE_MS = 1_500
"""Age of the source records."""

Send = Callable[[BatchKey, Sequence[LaneItem]], Coroutine[Any, Any, BatchResult]]


def add_to_list(user: str) -> ListAdd:
    """Return an intent that adds a user to the audience's list."""
    return ListAdd(list_id="", profile={"external_id": user})


def remove_from_list(user: str) -> ListRemove:
    """Return an intent that removes a user from the audience's list."""
    return ListRemove(list_id="", identifiers={"external_id": user})


def lane_record(  # noqa: PLR0913 - a record's parts
    offset: int,
    *,
    user: str = "",
    intent: Callable[[str], Intent] = add_to_list,
    caused_by: int | None = None,
    expire_after_s: float = 0.0,
    edge: str = "",
) -> Record:
    """Build a record of the lane.

    Args:
        offset: Offset of the record.
        user: The user; by default another one for each offset.
        intent: Builds the intent for the user.
        caused_by: Offset of the source record, if it differs.
        expire_after_s: Time that its mapping lets it wait.
        edge: Key of the edge, if users share the profile.
    """
    user = user or f"u{offset}"
    source_offset = offset if caused_by is None else caused_by
    origin = Origin(topic="source", partition=0, offset=source_offset)
    activation = Activation(
        action="addProfileToList",
        user=user,
        intent=intent(user),
        time_ms=source_offset,
        origin=origin,
        message_id=f"m{source_offset}",
        audience="vip",
        expire_after_s=expire_after_s,
        edge=edge,
    )
    return record(
        msgspec.json.encode(activation),
        offset=offset,
        key=(edge or user).encode(),
        headers=[
            (ORIGIN_HEADER, str(origin).encode()),
            (SOURCE_TIME_HEADER, b"%d" % (NOW_MS - SOURCE_AGE_MS)),
            (EVENT_OFFSET_HEADER, b"%d" % source_offset),
        ],
    )


class DelayingLimiter(RateLimiter):
    """Rate limiter whose delay is set by a test.

    Attributes:
        delay_s: Delay of a request to any endpoint.
    """

    def __init__(self) -> None:
        super().__init__(Clock(monotonic_s=float, sleep=asyncio.sleep, rng=float))
        self.delay_s = 0.0

    def send_delay_s(self, name: str) -> float:
        """Return the delay that the test has set."""
        del name
        return self.delay_s


class ScriptedLane:
    """Lane whose sends are played by a test.

    Attributes:
        batches: Users of each batch so far.
        sendable: The answer of `can_send`.
        on_send: Called for each batch; by default it delivers all items.
    """

    def __init__(self, options: LaneOptions) -> None:
        self.options = options
        self.merge: MergePolicy[PendingRecord] = keep_latest
        self.reservations = Reservations()
        self.batches: list[list[str]] = []
        self.sendable = True
        self.on_send: Send = deliver_all

    async def on_partition_assigned(self, partition: int) -> None:
        """Do nothing when a partition is assigned."""

    def can_send(self, batch_key: BatchKey) -> bool:
        """Return the answer of the test."""
        del batch_key
        return self.sendable

    def exclusive_keys(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> frozenset[object]:
        """Return no keys beside the ordering keys."""
        del batch_key, items
        return frozenset()

    async def send(
        self,
        klaviyo: KlaviyoClient,
        batch_key: BatchKey,
        items: Sequence[LaneItem],
    ) -> BatchResult:
        """Note a batch, and return the result of the test."""
        del klaviyo
        self.batches.append([item.activation.user for item in items])
        return await self.on_send(batch_key, items)


async def deliver_all(_batch_key: BatchKey, items: Sequence[LaneItem]) -> BatchResult:
    """Deliver every item of a batch."""
    return [accepted(status=202)] * len(items)


class LaneHarness:
    """Lane service with a scripted lane, and the partition that it serves.

    Attributes:
        lane: The scripted lane.
        limiter: Rate limiter whose delay a test may set.
        service: The service of the lane.
        producer: Keeps outcomes and dead letters.
        part: The partition.
    """

    def __init__(
        self,
        *,
        max_pending_items: int = 100,
        max_pending_bytes: int = 1_000_000,
        batch_max_items: int = 10,
    ) -> None:
        self.producer = FakeProducer()
        self.limiter = DelayingLimiter()
        klaviyo = ScriptedKlaviyo()
        klaviyo.limiter = self.limiter
        self.part = partition("t.activations.lists")
        self.lane = ScriptedLane(
            LaneOptions(
                lane=LaneId.LISTS,
                batch_max_items=batch_max_items,
                batch_max_age_s=0.25,
                max_pending_items=max_pending_items,
                max_pending_bytes=max_pending_bytes,
                grace_s=GRACE_S,
            )
        )
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        services = replace(
            context(self.producer, klaviyo=klaviyo),
            now_ms=lambda: NOW_MS + int((loop.time() - began_s) * 1_000),
        )
        self.service = LaneService(services, self.lane)

    async def enqueue(self, *records: Record) -> None:
        """Hand records over as one fetch, the way the stage's agent does."""
        self.part.hold()
        await self.service.enqueue([(self.part, track_records(self.part, *records))])
        self.part.release()

    def revoke(self) -> None:
        """Begin to revoke the partition."""
        self.part.revoking = True
        self.service.on_partitions_revoked([self.part])


def run_scenario(
    scenario: Callable[[LaneHarness], Coroutine[Any, Any, None]], **limits: int
) -> LaneHarness:
    """Run a scenario with a harness of its own, and return the harness."""

    async def run_with_harness() -> LaneHarness:
        harness = LaneHarness(**limits)
        async with harness.service:
            await scenario(harness)
        return harness

    return run(run_with_harness())
