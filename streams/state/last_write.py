"""What is remembered of one user and one audience."""

import msgspec

from streams.events.origin import Origin

MESSAGE_IDS_MAX = 16
"""Ours: more different events than this in one millisecond are not told apart."""


class LastWrite(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The last word on one user and one audience.

    Attributes:
        inside: In the audience, or out of it.
        time_ms: Event time of the last word, milliseconds since the epoch.
        origin: The source record that spoke it.
        message_ids: Every event heard of at exactly `time_ms`, sorted, at most
            `MESSAGE_IDS_MAX`: a producer's repeat of one changes nothing.
        list_id: The Klaviyo list the word was about, where an event named one.
        revision: How often a replay has corrected it.
    """

    inside: bool
    time_ms: int
    origin: Origin
    message_ids: tuple[str, ...] = ()
    list_id: str = ""
    revision: int = 0


def merge_message_ids(*message_ids: str) -> tuple[str, ...]:
    """Make `Membership.message_ids`.

    The smallest of all are kept, so that the order of hearing makes no difference.
    """
    return tuple(sorted({*message_ids} - {""})[:MESSAGE_IDS_MAX])
