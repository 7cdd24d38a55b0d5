"""How dead letters get back: one record for each, or for each source record."""

from collections.abc import Iterable
from typing import Final

import msgspec

from streams.dead_letters.encoding import DELIVER_PREFIX
from streams.dead_letters.record import DeadLetterRecord, RequeueRoute
from streams.events.canonical_event import ReplayMode
from streams.events.origin import Origin

REPLAY_MODES: Final = {
    RequeueRoute.EVENT: ReplayMode.CHANGES_ONLY,
    RequeueRoute.ACTIVATION: ReplayMode.RESEND,
    RequeueRoute.SOURCE: ReplayMode.RESEND,
}
"""An activation was the last word when it failed, and has to be told once more; an
event that never got so far is new."""


class RequeueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record to be sent.

    Attributes:
        route: Where it goes.
        origin: The source record behind it.
        source_ms: When that was written, milliseconds since the epoch; 0 where nobody
            can tell.
        dead_letters: The dead letters it answers for; of the first it has its value, unless
            that comes from the source.
    """

    route: RequeueRoute
    origin: Origin
    source_ms: int
    dead_letters: tuple[DeadLetterRecord, ...]

    @property
    def failed_lanes(self) -> frozenset[str]:
        """Lanes on which it failed."""
        return frozenset(
            record.stage.removeprefix(DELIVER_PREFIX)
            for record in self.dead_letters
            if record.stage.startswith(DELIVER_PREFIX)
        )


class RequeuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent, and what cannot be.

    Attributes:
        records: In the order of the dead letters.
        not_requeueable: Dead letters that nobody knows the origin of.
    """

    records: tuple[RequeueRecord, ...]
    not_requeueable: tuple[DeadLetterRecord, ...]


def plan_requeue(
    records: Iterable[DeadLetterRecord], *, from_source: bool
) -> RequeuePlan:
    """Say how each gets back.

    Args:
        records: Dead letters.
        from_source: Whether all are made anew from their source records.
    """
    requeues: dict[object, RequeueRecord] = {}
    not_requeueable: list[DeadLetterRecord] = []
    for record in records:
        if record.dead_letter is None:
            not_requeueable.append(record)
            continue
        route = RequeueRoute.SOURCE if from_source else record.route
        is_single = route is RequeueRoute.ACTIVATION
        requeue_key = (
            record.topic_offset if is_single else (route, record.dead_letter.origin)
        )
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
