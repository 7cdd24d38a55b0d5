"""Identity: identifiers of the person behind a user key, learned from events.

Identify calls teach. Any other call teaches only until then, and of those the
earliest counts: the track call of a gift names somebody else's address. The result
depends on the times of the events, not on the order of their arrival.
"""

from collections.abc import Iterable
from typing import Final, Self

import msgspec

from streams.events.canonical_event import CanonicalEvent

VALUES_MAX: Final = 8
"""Ours: addresses, and numbers, remembered for one user key."""


NEW_EMAIL_MS: Final = 24 * 3600 * 1000
"""Ours: a day, in which updates of a person look after consent for a new address."""


class KnownIdentifier(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Address or number that events gave the person.

    Attributes:
        value: The address in lower case, or the number in E.164.
        times_ms: Times of the first and of the last two events that gave it, ascending
            and distinct, milliseconds since the epoch.
        identified: Whether an identify call gave it.
    """

    value: str
    times_ms: tuple[int, ...]
    identified: bool = False

    def merge(self, other: Self) -> Self:
        """Merge two records of a value; a value from an identify call wins."""
        if self.identified != other.identified:
            return self if self.identified else other
        times_ms = sorted({*self.times_ms, *other.times_ms})
        first_and_last_two = (*times_ms[:1], *times_ms[1:][-2:])
        return msgspec.structs.replace(self, times_ms=first_and_last_two)

    def is_back_after(self, current: Self) -> bool:
        """Return True if the person has returned to this value.

        Two events must say so since the last one that gave the current value. One alone
        comes from an old browser that still has the previous value.
        """
        return self.times_ms[-2:][0] > current.times_ms[-1]


class Link(msgspec.Struct, frozen=True, kw_only=True, array_like=True, order=True):
    """Statement of an alias call that another user key names the same person.

    Attributes:
        time_ms: Time of the call, milliseconds since the epoch.
        user: The other user key: the person's id from then on.
    """

    time_ms: int
    user: str


Identifiers = tuple[KnownIdentifier, ...]
"""Identifiers of one kind, the current one first; empty if none is known."""


class Identity(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Identifiers of the person behind a user key.

    Attributes:
        external_id: The producer's id of the person; empty while the user key is an
            anonymous id or an address, and while there is nothing else to know.
        emails: E-mail addresses, the current one first.
        phones: Phone numbers, the current one first.
        link: The user id that has replaced this user key; None for none.
    """

    external_id: str = ""
    emails: Identifiers = ()
    phones: Identifiers = ()
    link: Link | None = None

    @property
    def email(self) -> str:
        """The current e-mail address; empty if none is known."""
        return self.emails[0].value if self.emails else ""

    @property
    def is_identified(self) -> bool:
        """True if an identify call gave the current address."""
        return bool(self.emails) and self.emails[0].identified

    @property
    def phone(self) -> str:
        """The current phone number; empty if none is known."""
        return self.phones[0].value if self.phones else ""

    @property
    def previous_emails(self) -> tuple[str, ...]:
        """E-mail addresses that were current before."""
        return tuple(identifier.value for identifier in self.emails[1:])

    def has_email(self, email: str) -> bool:
        """Return True for an address that is or was the person's, in lower case."""
        return any(email == known.value for known in self.emails)

    def is_email_from(self, time_ms: int) -> bool:
        """Return True if the current address first came at a time, or shortly before.

        The event that gave it may have written no profile.
        """
        if not self.emails:
            return False
        return 0 <= time_ms - self.emails[0].times_ms[0] <= NEW_EMAIL_MS

    def after(self, time_ms: int) -> "Identity":
        """Return the identity learned after a deletion, without older identifiers."""
        emails = tuple(i for i in self.emails if i.times_ms[-1] > time_ms)
        phones = tuple(i for i in self.phones if i.times_ms[-1] > time_ms)
        external_id = self.external_id if emails or phones else ""
        link = self.link if self.link and self.link.time_ms > time_ms else None
        return Identity(
            external_id=external_id, emails=emails, phones=phones, link=link
        )

    def merge(self, other: "Identity") -> "Identity":
        """Merge two versions; commutative, associative and idempotent."""
        return Identity(
            external_id=max(self.external_id, other.external_id),
            emails=_merge((*self.emails, *other.emails)),
            phones=_merge((*self.phones, *other.phones)),
            link=max(filter(None, (self.link, other.link)), default=None),
        )


UNKNOWN: Final = Identity()


def learn(
    identity: Identity,
    identifiers: dict[str, str],
    event: CanonicalEvent,
    *,
    is_identify: bool,
) -> Identity:
    """Return the identity after an event; the same object if unchanged.

    Args:
        identity: What is known before.
        identifiers: `external_id`, `email` and `phone_number` of the event, normalised.
        event: The event.
        is_identify: Whether the event teaches as an identify call does.
    """
    email, phone = identifiers.get("email"), identifiers.get("phone_number")
    emails = _learn(identity.emails, email, event, identified=is_identify)
    phones = _learn(identity.phones, phone, event, identified=is_identify)
    if not (emails or phones):
        return identity
    external_id = identifiers.get("external_id") or identity.external_id
    learned = msgspec.structs.replace(
        identity, external_id=external_id, emails=emails, phones=phones
    )
    return identity if learned == identity else learned


def _learn(
    known: Identifiers, value: str | None, event: CanonicalEvent, *, identified: bool
) -> Identifiers:
    if not value:
        return known
    if known and not identified:
        current = known[0]
        is_earlier = (event.time_ms, value) < (current.times_ms[0], current.value)
        if current.identified or not is_earlier:
            return known
    times_ms = (event.time_ms,)
    learned = KnownIdentifier(value=value, times_ms=times_ms, identified=identified)
    return _merge((*known, learned)) if known else (learned,)


def _merge(identifiers: Iterable[KnownIdentifier]) -> Identifiers:
    """Merge identifiers of the same kind, with the current identifier in front.

    Without an identify call only the earliest counts, and its first time.
    """
    merged: dict[str, KnownIdentifier] = {}
    for identifier in identifiers:
        before = merged.get(identifier.value, identifier)
        merged[identifier.value] = before.merge(identifier)
    identified = [i for i in merged.values() if i.identified]
    if not identified:
        by_time = sorted(merged.values(), key=lambda i: (i.times_ms[0], i.value))
        earliest = by_time[:1]
        return tuple(
            msgspec.structs.replace(i, times_ms=i.times_ms[:1]) for i in earliest
        )
    newest_first = sorted(
        identified, key=lambda i: (i.times_ms[0], i.value), reverse=True
    )[:VALUES_MAX]
    current = newest_first[0]
    for candidate in newest_first[1:]:
        if candidate.is_back_after(current):
            current = candidate
    return (current, *(i for i in newest_first if i is not current))
