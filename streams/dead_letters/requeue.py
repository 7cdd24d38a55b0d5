"""Plan of a requeue: a record for each dead letter, or for each source record."""

from collections.abc import Iterable
from typing import Final

import msgspec

from streams.dead_letters.encoding import DeadLetter
from streams.dead_letters.record import DeadLetterRecord, RequeueRoute
from streams.events.canonical_event import Origin, ReplayMode

REPLAY_MODES: Final = {
    RequeueRoute.EVENT: ReplayMode.CHANGES_ONLY,
    RequeueRoute.ACTIVATION: ReplayMode.RESEND,
    RequeueRoute.SOURCE: ReplayMode.RESEND,
}
"""An activation was the user's last write when it failed, and must be sent again; an
event that failed before that is new."""


class RequeueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Record that requeues dead letters.

    Attributes:
        route: Route of the record.
        origin: The source record.
        source_ms: Time of the source record, milliseconds since the epoch, or 0.
        dead_letters: The dead letters that the record resolves. It has the value of the
            first, unless the value is read from the source topic.
    """

    route: RequeueRoute
    origin: Origin
    source_ms: int
    dead_letters: tuple[DeadLetterRecord, ...]

    @property
    def failed_lanes(self) -> frozenset[str]:
        """Lanes where the source record failed."""
        return frozenset(
            record.dead_letter.stage.lane
            for record in self.dead_letters
            if record.dead_letter and record.dead_letter.stage.lane
        )


class RequeuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Records to write, and dead letters that cannot be requeued.

    Attributes:
        records: Records to write, in the order of the dead letters.
        not_requeueable: Dead letters with an unknown origin.
    """

    records: tuple[RequeueRecord, ...]
    not_requeueable: tuple[DeadLetterRecord, ...]


def plan_requeue(
    records: Iterable[DeadLetterRecord], *, from_source: bool
) -> RequeuePlan:
    """Plan the requeue of dead letters.

    Args:
        records: The dead letters.
        from_source: True to read all values from the source topics.
    """
    requeues: dict[object, RequeueRecord] = {}
    not_requeueable: list[DeadLetterRecord] = []
    for record in records:
        if record.dead_letter is None:
            not_requeueable.append(record)
            continue
        route = RequeueRoute.SOURCE if from_source else record.route
        requeue_key = _requeue_key(record, record.dead_letter, route)
        previous = requeues.get(requeue_key)
        requeues[requeue_key] = RequeueRecord(
            route=route,
            origin=record.dead_letter.origin,
            source_ms=record.dead_letter.source_ms,
            dead_letters=(*previous.dead_letters, record) if previous else (record,),
        )
    return RequeuePlan(
        records=tuple(requeues.values()), not_requeueable=tuple(not_requeueable)
    )


def _requeue_key(
    record: DeadLetterRecord, dead_letter: DeadLetter, route: RequeueRoute
) -> object:
    """Return the key that dead letters share if the same requeued record resolves all.

    The first event of a record has the origin of the record, which has other events
    too: a canonical event and a record as its source has it are requeued each.
    """
    if route is RequeueRoute.ACTIVATION:
        return record.topic_offset
    is_event = route is RequeueRoute.EVENT and dead_letter.is_canonical
    return route, dead_letter.origin, is_event
