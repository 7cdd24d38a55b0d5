"""The interface of a lane, and the options every lane has."""

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from agents.lanes.pending import LaneItem, PendingRecord
from streams.delivery.coalescer import BatchKey, MergePolicy, Reservations
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.wait_causes import Wait, WaitCause
from streams.settings.model import LaneId


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions:
    """Limits and delays of a lane.

    Attributes:
        lane: The lane.
        rank: Priority at the rate limiter: of two lanes that need the same quota, the
            lower rank goes first.
        batch_max_items: Most items in a batch.
        batch_max_age_s: Longest time an item waits for others to share its batch.
        max_pending_items: Most items that wait or are in flight.
        max_pending_bytes: Most bytes of records that wait or are in flight.
        page_items: Items that one look-up takes; larger batches are cut at whole pages.
        batches_max: Most batches in flight.
        grace_s: Time a batch in flight may take to finish after its partition is
            revoked.
        settle_delay_s: Time after a batch during which its ordering keys stay reserved:
            Klaviyo accepts a change of consent before the change takes effect.
    """

    lane: LaneId
    batch_max_items: int
    batch_max_age_s: float
    max_pending_items: int
    max_pending_bytes: int = 1 << 26
    rank: int = 0
    page_items: int = 1
    batches_max: int = 64
    grace_s: float = 10.0
    settle_delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    """Contents of a lane, and the causes for which it waits, at one moment.

    Attributes:
        lane: The lane.
        items: Items that wait or are in flight.
        items_max: Most items.
        bytes: Bytes of the records without outcome.
        bytes_max: Most bytes.
        waits: Waits of its batches in flight, one for each cause.
        imports_ms: Times at which Klaviyo accepted the import jobs in flight.
    """

    lane: LaneId
    items: int
    items_max: int
    bytes: int
    bytes_max: int
    waits: Mapping[WaitCause, Wait]
    imports_ms: Sequence[int]


@dataclass(frozen=True, slots=True)
class NotNow:
    """Result of a send without effect: the batch goes back to the queue."""


Verdicts: TypeAlias = list[ItemVerdict]
"""Verdicts on a batch, in the order of its items."""

BatchResult: TypeAlias = Verdicts | NotNow


class Lane(Protocol):
    """Lane of the deliver stage: which batches may be sent, when, and how.

    Attributes:
        options: Limits and delays.
        merge: Policy for two queued items with the same ordering key.
        reservations: Keys that must not change at the moment.
    """

    options: LaneOptions
    merge: MergePolicy[PendingRecord]
    reservations: Reservations

    async def on_partition_assigned(self, partition: int) -> None:
        """Prepare for a partition before the first record of the partition is read."""

    def can_send(self, batch_key: BatchKey) -> bool:
        """Return True if nothing but the rate limiter holds back a batch."""

    def exclusive_keys(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> AbstractSet[Hashable]:
        """Return keys that no other batch may hold while this batch is sent."""

    async def send(
        self,
        klaviyo: KlaviyoClient,
        batch_key: BatchKey,
        items: Sequence[LaneItem],
    ) -> BatchResult:
        """Send a batch, and return a verdict for each item, or `NotNow`.

        Args:
            klaviyo: Client for the kind and priority of the batch.
            batch_key: What the items have in common.
            items: The batch.
        """
