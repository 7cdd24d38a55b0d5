"""Items of an operation: preparation of profiles, and a verdict for each item."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.errors import EngineError
from streams.klaviyo.api.endpoints import IMPORT_PROFILES
from streams.klaviyo.api.requests import profile_resource

Profile: TypeAlias = Mapping[str, Any]
"""Klaviyo's profile attributes, and `id` if available."""

Identifier: TypeAlias = tuple[str, str]
"""Field and value, for example ("email", "jane@example.com")."""

LOOKUP_FIELDS = ("external_id", "email", "phone_number")
"""Fields that a profile is looked up by, best first."""

_IDENTITY_FIELDS = ("id", *LOOKUP_FIELDS, "anonymous_id", "_kx")
"""Identifier fields, from Klaviyo's profiles overview."""


class ProfileItem(msgspec.Struct, frozen=True, kw_only=True):
    """Profile of an operation, with an index.

    Attributes:
        index: Index among the profiles of the operation.
        profile: Profile attributes.
        resource: Encoded profile, if the profile is to be sent.
        meta: Encoded `meta` of the resource; empty for none.
    """

    index: int
    profile: Profile
    resource: bytes = b""
    meta: bytes = b""


class VerdictCollector:
    """Verdict and number of requests for each item of an operation.

    Args:
        count: Number of items.
    """

    def __init__(self, count: int) -> None:
        self._attempts = [0] * count
        self._verdicts: list[ItemVerdict | None] = [None] * count
        self._notes: dict[int, list[str]] = {}

    def is_pending(self, index: int) -> bool:
        """Report whether an item has no verdict yet."""
        return self._verdicts[index] is None

    def count_attempts(self, indices: Iterable[int], *, attempts: int) -> None:
        """Count the requests that contained the given items."""
        for index in indices:
            self._attempts[index] += attempts

    def note(self, index: int, note: str) -> None:
        """Add a part that was left out to the reason of a delivered item."""
        self._notes.setdefault(index, []).append(note)

    def copy_notes(self, index: int, other: "VerdictCollector", *, what: str) -> None:
        """Take over the notes of a further request for an item, or its failure.

        Args:
            index: Index of the item in both operations.
            other: Verdict and notes of the further request.
            what: Code of a note for a further request that failed.
        """
        verdict = other._verdicts[index]  # noqa: SLF001 - of the same class
        for note in other._notes.get(index, ()):  # noqa: SLF001 - of the same class
            self.note(index, note)
        if verdict is not None and verdict.verdict is Verdict.DEAD_LETTER:
            self.note(index, f"{what}: {verdict.reason}")

    def is_delivered(self, index: int) -> bool:
        """Return True if Klaviyo accepted an item."""
        verdict = self._verdicts[index]
        return verdict is not None and verdict.verdict is Verdict.DELIVERED

    def mark_delivered(self, indices: Iterable[int], *, status: int) -> None:
        """Record that Klaviyo accepted the given items."""
        for index in indices:
            self._set_verdict(index, Verdict.DELIVERED, status=status)

    def mark_discarded(self, index: int, reason: str) -> None:
        """Record that an item needed no request."""
        self._set_verdict(index, Verdict.DISCARDED, reason=reason)

    def mark_dead_letter(self, index: int, reason: str, *, status: int = 0) -> None:
        """Record that an unchanged item can never be delivered."""
        self._set_verdict(index, Verdict.DEAD_LETTER, reason=reason, status=status)

    def verdicts(self) -> list[ItemVerdict]:
        """Return the verdicts in the order of the items.

        Raises:
            EngineError: An item has no verdict.
        """
        settled = [verdict for verdict in self._verdicts if verdict is not None]
        if len(settled) != len(self._verdicts):
            raise EngineError("an item of a batch has no verdict")
        for index, notes in self._notes.items():
            if self.is_delivered(index):
                reason = "; ".join(notes)
                settled[index] = msgspec.structs.replace(settled[index], reason=reason)
        return settled

    def _set_verdict(
        self, index: int, verdict: Verdict, *, reason: str = "", status: int = 0
    ) -> None:
        self._verdicts[index] = ItemVerdict(
            verdict=verdict,
            reason=reason,
            status=status,
            attempts=self._attempts[index],
        )


def list_identifiers(
    profile: Profile, *, fields: Sequence[str] = _IDENTITY_FIELDS
) -> list[Identifier]:
    """Return a profile's identifiers, best first."""
    identifiers = []
    for field in fields:
        value = profile.get(field)
        if isinstance(value, str) and value.strip():
            identifiers.append((field, value))
    return identifiers


def normalize_identifier(identifier: Identifier) -> Identifier:
    """Return an identifier as Klaviyo stores identifiers: e-mail in lower case."""
    field, value = identifier
    return (field, value.strip().lower()) if field == "email" else identifier


def prepare_items(
    profiles: Iterable[Profile], *, verdicts: VerdictCollector
) -> list[ProfileItem]:
    """Encode profiles; a profile that cannot be sent becomes a dead letter."""
    items = []
    for index, profile in enumerate(profiles):
        if not list_identifiers(profile):
            verdicts.mark_dead_letter(index, "no-identifier")
            continue
        try:
            resource = profile_resource(profile)
        except TypeError:
            verdicts.mark_dead_letter(
                index, "not-json: the profile holds a value that JSON cannot express"
            )
            continue
        if len(resource) > IMPORT_PROFILES.limit.item_bytes:
            verdicts.mark_dead_letter(index, "profile-too-large: over 100 KB")
            continue
        items.append(ProfileItem(index=index, profile=profile, resource=resource))
    return items


def encode_profile(profile: Profile, *, meta: bytes = b"") -> bytes:
    """Encode a profile as a resource, with its `meta`.

    Raises:
        TypeError: A value cannot be written as JSON.
    """
    resource = profile_resource(profile)
    return resource[:-1] + b',"meta":' + meta + b"}" if meta else resource


def split_into_rounds(items: Iterable[ProfileItem]) -> list[list[ProfileItem]]:
    """Split items into rounds without repeated identifiers.

    Klaviyo runs jobs, and the lines of a job, in any order, so the second of two items
    for one profile must wait for the next round. The order of items is kept.
    """
    rounds: list[list[ProfileItem]] = []
    last_round: dict[Identifier, int] = {}
    for item in items:
        identifiers = [
            normalize_identifier(identifier)
            for identifier in list_identifiers(item.profile)
        ]
        number = 1 + max(last_round.get(identifier, -1) for identifier in identifiers)
        last_round.update(dict.fromkeys(identifiers, number))
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(item)
    return rounds


def item_indices(items: Iterable[ProfileItem]) -> list[int]:
    """Return the indexes of items."""
    return [item.index for item in items]
