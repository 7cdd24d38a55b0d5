"""Events: recorded once each, many with one request."""

from collections.abc import Container, Mapping, Sequence
from functools import partial

import msgspec

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo import event_requests
from streams.klaviyo.answers import Accepted, NotFound, Rejected, Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.event_items import EventItem, ProfileKey, repeat_key
from streams.klaviyo.event_lines import ENVELOPE_BYTES, Line, Row, prepare, rows_of
from streams.klaviyo.isolate import apart, chunked
from streams.klaviyo.lane_quotas import CREATE_EVENT, CREATE_EVENTS
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.repeats import once_each
from streams.klaviyo.together import together

BULK_MIN_EVENTS = 2
"""From here on one bulk request takes the place of several."""

SINGLES_PER_BULK = (
    CREATE_EVENT.quota.steady_per_min // CREATE_EVENTS.quota.steady_per_min
)
"""So many single requests use up as much quota as one bulk request."""

BULK_REFUSALS_MIN = 3
"""So often a bulk request may be refused before its events are sent one by one."""


async def record_events(
    client: Caller,
    events: Sequence[EventItem],
    *,
    bulk_min_events: int = BULK_MIN_EVENTS,
    known_metrics: Container[str] | None = None,
    now_s: float | None = None,
) -> list[ItemVerdict]:
    """Record events, creating or updating their profiles on the way.

    Of a profile, metric and unique id one event is sent; what repeats it is discarded
    as `repeat`, unless that one was refused. An event that a bulk request was refused
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
    return await once_each(events, key=repeat_key, send=send)


async def _record(
    client: Caller,
    events: Sequence[EventItem],
    *,
    bulk_min_events: int,
    known_metrics: Container[str] | None,
    now_s: float | None,
) -> list[ItemVerdict]:
    ledger = Ledger(len(events))
    lines = prepare(events, ledger=ledger, known_metrics=known_metrics, now_s=now_s)
    await together(
        _Bulk(client, ledger=ledger, min_events=bulk_min_events).record(chunk)
        for chunk in _chunks(lines)
    )
    return ledger.verdicts()


def _chunks(lines: list[Line]) -> list[Row]:
    """Cut into requests, the events of a profile next to each other."""
    limit = CREATE_EVENTS.limit
    return chunked(
        (line for row in rows_of(lines, alone=()) for line in row),
        count_max=limit.items,
        weight=lambda line: line.weight_bytes,
        weight_max=limit.body_bytes - ENVELOPE_BYTES,
    )


class _Bulk:
    """Records the events of one chunk.

    Args:
        client: Sends the requests.
        ledger: Takes the verdicts.
        min_events: Fewer are sent one by one.
    """

    def __init__(self, client: Caller, *, ledger: Ledger, min_events: int) -> None:
        self._client = client
        self._ledger = ledger
        self._min_events = min_events
        self._refusals = 0
        self._alone: set[ProfileKey] = set()

    async def record(self, chunk: Row) -> None:
        """Record together what goes together, and the others one by one."""
        parted = await apart(chunk, send=self._send)
        for lines, answer in parted.taken:
            places = [line.index for line in lines]
            self._ledger.delivered(places, status=answer.status)
        await together(self._record_one(refused.item) for refused in parted.refused)

    async def _send(self, lines: Row) -> Settled:
        """Send in bulk, until an answer is about events and not about profiles."""
        while not self._is_singles_turn(len(lines)):
            rows = rows_of(lines, alone=self._alone)
            answer = await self._client.call(event_requests.create_events(rows))
            places = [line.index for line in lines]
            self._ledger.carried(places, attempts=answer.attempts)
            if isinstance(answer, Accepted):
                return answer
            self._refusals += 1
            if answer.unsure:
                break  # what was refused may be its own repetition
            crowded = _crowded(rows, answer)
            if not crowded:
                return _by_line(answer, rows=rows, lines=lines)
            self._alone |= crowded
        return Rejected(reason="singly", items=dict.fromkeys(range(len(lines)), ""))

    def _is_singles_turn(self, count: int) -> bool:
        """Say whether single requests cost less quota than bulk has cost already."""
        cheaper = self._refusals * SINGLES_PER_BULK >= count
        enough = self._refusals >= BULK_REFUSALS_MIN and cheaper
        return enough or count < self._min_events

    async def _record_one(self, line: Line) -> None:
        answer = await self._client.call(event_requests.create_event(line))
        self._ledger.carried((line.index,), attempts=answer.attempts)
        if isinstance(answer, Accepted):
            self._ledger.delivered((line.index,), status=answer.status)
        else:
            self._ledger.dead_letter(line.index, answer.reason, status=answer.status)


def _named(answer: Settled) -> Mapping[int, str]:
    return answer.items if isinstance(answer, Rejected | NotFound) else {}


def _crowded(rows: Sequence[Row], answer: Settled) -> set[ProfileKey]:
    """List the profiles an answer names without saying which of their events."""
    named = (rows[at] for at in _named(answer) if at < len(rows))
    return {row[0].key for row in named if len(row) > 1}


def _by_line(answer: Settled, *, rows: Sequence[Row], lines: Row) -> Settled:
    """Let an answer that names rows of one event each name those events."""
    if not isinstance(answer, Rejected | NotFound):
        return answer
    places = {line.index: at for at, line in enumerate(lines)}
    items = {
        places[rows[at][0].index]: why
        for at, why in answer.items.items()
        if at < len(rows)
    }
    return msgspec.structs.replace(answer, items=items)
