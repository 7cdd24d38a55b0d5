"""Operation that records events, each once and many in a request."""

from collections.abc import Container, Mapping, Sequence
from functools import partial

from streams.actions.intents import EventRecord
from streams.chunks import chunk_by_weight
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.endpoints import CREATE_EVENT, CREATE_EVENTS
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.api.results import Accepted, FinalResult, NotFound, Rejected
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import (
    VerdictCollector,
    gather_all,
    send_with_bisect,
    translate_positions,
)
from streams.klaviyo.payloads.event_lines import (
    ENVELOPE_BYTES,
    EncodedEvent,
    ProfileEvents,
    ProfileKey,
    create_event,
    create_events,
    duplicate_key,
    group_by_profile,
    prepare_events,
)

BULK_MIN_EVENTS = 2
"""Smallest number of events that go in a bulk request instead of single requests."""

SINGLES_PER_BULK = (
    CREATE_EVENT.quota.steady_per_min // CREATE_EVENTS.quota.steady_per_min
)
"""Number of single requests that use as much quota as one bulk request."""

BULK_REJECTIONS_MIN = 3
"""Rejections of a bulk request before its events may be sent separately."""


async def record_events(
    client: KlaviyoApi,
    events: Sequence[EventRecord],
    *,
    bulk_min_events: int = BULK_MIN_EVENTS,
    known_metrics: Container[str] | None = None,
    now_s: float | None = None,
) -> list[ItemVerdict]:
    """Record events, and create or update the profiles of the events.

    One event is sent for each profile, metric and unique id; later duplicates are
    discarded as `duplicate`, unless the first event was rejected. An event that makes
    Klaviyo reject a bulk request is sent in a single request, where Klaviyo ignores a
    unique id that is already recorded. So an event that was recorded earlier is
    delivered, and only an invalid event becomes a dead letter.

    Args:
        client: Sends the requests.
        events: The events.
        bulk_min_events: Smallest number of events for a bulk request.
        known_metrics: Metrics of the account, where events of other metrics must become
            dead letters; None to send all metrics.
        now_s: Current time; None leaves events with a future time to Klaviyo.

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
    events: Sequence[EventRecord],
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
    """Cut events into requests, with the events of a profile side by side."""
    limit = CREATE_EVENTS.limit
    return chunk_by_weight(
        (event for group in group_by_profile(events, ungrouped=()) for event in group),
        count_max=limit.items,
        weight=lambda event: event.weight_bytes,
        weight_max=limit.body_bytes - ENVELOPE_BYTES,
    )


class _BulkRecorder:
    """Recorder for the events of a chunk.

    Args:
        client: Sends the requests.
        collector: Receives the verdicts.
        min_events: Fewer events are sent in single requests.
    """

    def __init__(
        self, client: KlaviyoApi, *, collector: VerdictCollector, min_events: int
    ) -> None:
        self._client = client
        self._collector = collector
        self._min_events = min_events
        self._rejections = 0
        self._ungrouped: set[ProfileKey] = set()

    async def record(self, chunk: ProfileEvents) -> None:
        """Record the chunk in bulk, and the rejected events in single requests."""
        result = await send_with_bisect(chunk, send=self._send)
        for taken, answer in result.accepted:
            indices = [event.index for event in taken]
            self._collector.mark_delivered(indices, status=answer.status)
        await gather_all(
            self._record_singly(rejected.item) for rejected in result.rejected
        )

    async def _send(self, events: ProfileEvents) -> FinalResult:
        """Send a bulk request until the result names events instead of profiles."""
        while not self._should_send_singly(len(events)):
            groups = group_by_profile(events, ungrouped=self._ungrouped)
            answer = await self._client.call(create_events(groups))
            indices = [event.index for event in events]
            self._collector.count_attempts(indices, attempts=answer.attempts)
            if isinstance(answer, Accepted):
                return answer
            self._rejections += 1
            if answer.is_uncertain:
                break  # the first, uncertain attempt may have caused the rejection
            ambiguous = _ambiguous_profiles(groups, answer)
            if not ambiguous:
                return _reasons_by_event(answer, groups=groups, events=events)
            self._ungrouped |= ambiguous
        return Rejected(
            reason="singly", item_reasons=dict.fromkeys(range(len(events)), "")
        )

    def _should_send_singly(self, count: int) -> bool:
        """Return True if single requests cost less quota than the bulk requests did."""
        is_cheaper = self._rejections * SINGLES_PER_BULK >= count
        has_tried_enough = self._rejections >= BULK_REJECTIONS_MIN and is_cheaper
        return has_tried_enough or count < self._min_events

    async def _record_singly(self, event: EncodedEvent) -> None:
        answer = await self._client.call(create_event(event))
        self._collector.attempts[event.index] += answer.attempts
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
    """Return the profiles that a result names without naming the invalid event."""
    reported_groups = (
        groups[position] for position in _item_reasons(answer) if position < len(groups)
    )
    return {group[0].key for group in reported_groups if len(group) > 1}


def _reasons_by_event(
    answer: FinalResult, *, groups: Sequence[ProfileEvents], events: ProfileEvents
) -> FinalResult:
    """Translate a result about groups of single events to the events."""
    positions = {event.index: position for position, event in enumerate(events)}
    return translate_positions(answer, [positions[group[0].index] for group in groups])
