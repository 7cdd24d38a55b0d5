"""Events: recorded once each, many with one request."""

from collections.abc import Container, Mapping, Sequence
from functools import partial

import msgspec

from streams.chunks import chunk_by_weight
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.endpoints import CREATE_EVENT, CREATE_EVENTS
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.results import Accepted, FinalResult, NotFound, Rejected
from streams.klaviyo.batching.bisect import gather_all, send_with_bisect
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.payloads import event_requests
from streams.klaviyo.payloads.event_items import EventItem, ProfileKey, duplicate_key
from streams.klaviyo.payloads.event_lines import (
    ENVELOPE_BYTES,
    EncodedEvent,
    ProfileEvents,
    group_by_profile,
    prepare_events,
)

BULK_MIN_EVENTS = 2
"""From here on one bulk request takes the place of several."""

SINGLES_PER_BULK = (
    CREATE_EVENT.quota.steady_per_min // CREATE_EVENTS.quota.steady_per_min
)
"""So many single requests use up as much quota as one bulk request."""

BULK_REFUSALS_MIN = 3
"""So often a bulk request may be refused before its events are sent one by one."""


async def record_events(
    client: KlaviyoApi,
    events: Sequence[EventItem],
    *,
    bulk_min_events: int = BULK_MIN_EVENTS,
    known_metrics: Container[str] | None = None,
    now_s: float | None = None,
) -> list[ItemVerdict]:
    """Record events, creating or updating their profiles on the way.

    Of a profile, metric and unique id one event is sent; what repeats it is discarded
    as `duplicate`, unless that one was refused. An event that a bulk request was refused
    for is sent by itself, where Klaviyo ignores a unique id it has already: so what
    was recorded before is delivered, and only what is wrong by itself a dead letter.

    Args:
        client: Sends the requests.
        events: The events.
        bulk_min_events: From how many on a bulk request is used.
        known_metrics: Where given, events of other metrics are dead letters.
        now_s: What time it is; None leaves events of the future to Klaviyo.

    Returns:
        A verdict for each event, in order.
    """
    send = partial(
        _record,
        client,
        bulk_min_events=bulk_min_events,
        known_metrics=known_metrics,
        now_s=now_s,
    )
    return await deduplicate(events, key=duplicate_key, send=send)


async def _record(
    client: KlaviyoApi,
    events: Sequence[EventItem],
    *,
    bulk_min_events: int,
    known_metrics: Container[str] | None,
    now_s: float | None,
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(events))
    encoded = prepare_events(
        events, collector=collector, known_metrics=known_metrics, now_s=now_s
    )
    await gather_all(
        _BulkRecorder(client, collector=collector, min_events=bulk_min_events).record(
            chunk
        )
        for chunk in _cut_into_requests(encoded)
    )
    return collector.verdicts()


def _cut_into_requests(events: list[EncodedEvent]) -> list[ProfileEvents]:
    """Cut into requests, the events of a profile next to each other."""
    limit = CREATE_EVENTS.limit
    return chunk_by_weight(
        (event for group in group_by_profile(events, ungrouped=()) for event in group),
        count_max=limit.items,
        weight=lambda event: event.weight_bytes,
        weight_max=limit.body_bytes - ENVELOPE_BYTES,
    )


class _BulkRecorder:
    """Records the events of one chunk.

    Args:
        client: Sends the requests.
        collector: Takes the verdicts.
        min_events: Fewer are sent one by one.
    """

    def __init__(
        self, client: KlaviyoApi, *, collector: VerdictCollector, min_events: int
    ) -> None:
        self._client = client
        self._collector = collector
        self._min_events = min_events
        self._refusals = 0
        self._ungrouped: set[ProfileKey] = set()

    async def record(self, chunk: ProfileEvents) -> None:
        """Record together what goes together, and the others one by one."""
        result = await send_with_bisect(chunk, send=self._send)
        for taken, answer in result.accepted:
            indices = [event.index for event in taken]
            self._collector.mark_delivered(indices, status=answer.status)
        await gather_all(
            self._record_singly(refused.item) for refused in result.rejected
        )

    async def _send(self, events: ProfileEvents) -> FinalResult:
        """Send in bulk, until an answer is about events and not about profiles."""
        while not self._should_send_singly(len(events)):
            groups = group_by_profile(events, ungrouped=self._ungrouped)
            answer = await self._client.call(event_requests.create_events(groups))
            indices = [event.index for event in events]
            self._collector.count_attempts(indices, attempts=answer.attempts)
            if isinstance(answer, Accepted):
                return answer
            self._refusals += 1
            if answer.is_uncertain:
                break  # what was refused may be its own repetition
            ambiguous = _ambiguous_profiles(groups, answer)
            if not ambiguous:
                return _reasons_by_event(answer, groups=groups, events=events)
            self._ungrouped |= ambiguous
        return Rejected(
            reason="singly", item_reasons=dict.fromkeys(range(len(events)), "")
        )

    def _should_send_singly(self, count: int) -> bool:
        """Say whether single requests cost less quota than bulk has cost already."""
        is_cheaper = self._refusals * SINGLES_PER_BULK >= count
        has_tried_enough = self._refusals >= BULK_REFUSALS_MIN and is_cheaper
        return has_tried_enough or count < self._min_events

    async def _record_singly(self, event: EncodedEvent) -> None:
        answer = await self._client.call(event_requests.create_event(event))
        self._collector.count_attempts((event.index,), attempts=answer.attempts)
        if isinstance(answer, Accepted):
            self._collector.mark_delivered((event.index,), status=answer.status)
        else:
            self._collector.mark_dead_letter(
                event.index, answer.reason, status=answer.status
            )


def _item_reasons(answer: FinalResult) -> Mapping[int, str]:
    return answer.item_reasons if isinstance(answer, Rejected | NotFound) else {}


def _ambiguous_profiles(
    groups: Sequence[ProfileEvents], answer: FinalResult
) -> set[ProfileKey]:
    """List the profiles an answer names without saying which of their events."""
    reported_groups = (
        groups[position] for position in _item_reasons(answer) if position < len(groups)
    )
    return {group[0].key for group in reported_groups if len(group) > 1}


def _reasons_by_event(
    answer: FinalResult, *, groups: Sequence[ProfileEvents], events: ProfileEvents
) -> FinalResult:
    """Let an answer that names rows of one event each name those events."""
    if not isinstance(answer, Rejected | NotFound):
        return answer
    positions = {event.index: position for position, event in enumerate(events)}
    items = {
        positions[groups[position][0].index]: reason
        for position, reason in answer.item_reasons.items()
        if position < len(groups)
    }
    return msgspec.structs.replace(answer, item_reasons=items)
