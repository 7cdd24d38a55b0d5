"""Last write on an entry of the user state, ordered by event time, then origin."""

from typing import Self

import msgspec

from streams.events.canonical_event import Origin

MESSAGE_IDS_MAX = 16
"""Ours: beyond this number, events of one millisecond are no longer distinguished."""

Rank = tuple[int, Origin]
"""Event time in milliseconds, then origin: the greater rank is the later write."""


class LastWrite(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Value that the event with the greatest rank gave to an entry.

    Attributes:
        inside: Whether the user is in the audience or on the list, is subscribed, or is
            suppressed.
        time_ms: Event time of the write, milliseconds since the epoch.
        origin: The source record of the event.
        message_ids: Ids of all events seen at exactly `time_ms`, sorted, at most
            `MESSAGE_IDS_MAX`: a producer's duplicate changes nothing.
        list_id: The Klaviyo list that the event named; empty if the event named none.
        revision: Number of times a replay has corrected the write.
    """

    inside: bool
    time_ms: int
    origin: Origin
    message_ids: tuple[str, ...] = ()
    list_id: str = ""
    revision: int = 0

    @property
    def rank(self) -> Rank:
        """The order of writes: event time, then origin."""
        return self.time_ms, self.origin

    def merge(self, other: Self) -> Self:
        """Return the later of two writes; at the same time with the ids of both."""
        earlier, later = sorted((self, other), key=_total_order)
        if earlier.time_ms < later.time_ms:
            return later
        message_ids = merge_message_ids(*earlier.message_ids, *later.message_ids)
        return msgspec.structs.replace(later, message_ids=message_ids)


def merge_message_ids(*message_ids: str) -> tuple[str, ...]:
    """Merge message ids to the value of `LastWrite.message_ids`.

    The smallest ids are kept, so that the order of arrival makes no difference.
    """
    return tuple(sorted({*message_ids} - {""})[:MESSAGE_IDS_MAX])


def _total_order(write: LastWrite) -> tuple[object, ...]:
    """Return a sort key: rank, then revision; the other fields make the order total."""
    return (*write.rank, write.revision, write.inside, write.list_id)
