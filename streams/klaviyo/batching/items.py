"""Items of an operation: preparation, isolation of bad items, a verdict for each.

A batch that Klaviyo rejects is sent again without the items that the error points to,
or else bisected, until the bad items are alone.
"""

import asyncio
from collections import defaultdict
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.errors import EngineError
from streams.klaviyo.api.endpoints import IMPORT_PROFILES
from streams.klaviyo.api.requests import profile_resource
from streams.klaviyo.api.results import (
    Accepted,
    Conflict,
    FinalResult,
    NotFound,
    Rejected,
    Rejection,
    TooLarge,
)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

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


@dataclass(slots=True)
class VerdictCollector:
    """Verdict and number of requests for each item of an operation.

    Attributes:
        count: Number of items.
        attempts: Index of an item -> number of requests that contained it.
    """

    count: int
    attempts: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    _verdicts: dict[int, ItemVerdict] = field(default_factory=dict)
    _notes: dict[int, list[str]] = field(default_factory=dict)

    def is_pending(self, index: int) -> bool:
        """Report whether an item has no verdict yet."""
        return index not in self._verdicts

    def count_attempts(self, indices: Iterable[int], *, attempts: int) -> None:
        """Count the requests that contained the given items."""
        for index in indices:
            self.attempts[index] += attempts

    def note(self, index: int, note: str) -> None:
        """Add a part that was left out to the reason of a delivered item."""
        self._notes.setdefault(index, []).append(note)

    def copy_notes(self, index: int, other: "VerdictCollector", *, what: str) -> None:
        """Take over the notes, or the failure, of a further request for an item.

        Args:
            index: Index of the item in both operations.
            other: Verdict and notes of the further request.
            what: Code of a note for a further request that failed.
        """
        verdict = other._verdicts.get(index)  # noqa: SLF001 - of the same class
        for note in other._notes.get(index, ()):  # noqa: SLF001 - of the same class
            self.note(index, note)
        if verdict is not None and verdict.verdict is Verdict.DEAD_LETTER:
            self.note(index, f"{what}: {verdict.reason}")

    def is_delivered(self, index: int) -> bool:
        """Return True if Klaviyo accepted an item."""
        verdict = self._verdicts.get(index)
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
        if len(self._verdicts) != self.count:
            raise EngineError("an item of a batch has no verdict")
        settled = [self._verdicts[index] for index in range(self.count)]
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
            attempts=self.attempts[index],
        )


def list_identifiers(
    profile: Profile, *, fields: Sequence[str] = _IDENTITY_FIELDS
) -> list[Identifier]:
    """Return a profile's identifiers in Klaviyo's stored form, best first."""
    identifiers = []
    for name in fields:
        value = profile.get(name)
        if isinstance(value, str) and value.strip():
            identifiers.append(normalize_identifier((name, value)))
    return identifiers


def normalize_identifier(identifier: Identifier) -> Identifier:
    """Return an identifier as Klaviyo stores identifiers: e-mail in lower case."""
    name, value = identifier
    return (name, value.strip().lower()) if name == "email" else identifier


def identifiers_only(profile: Profile) -> Profile:
    """Return a profile with the identifiers alone, in the caller's spelling."""
    return {name: profile[name] for name, _ in list_identifiers(profile)}


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
    """Encode a profile as a resource, with the member `meta`.

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
        identifiers = list_identifiers(item.profile)
        number = 1 + max(last_round.get(identifier, -1) for identifier in identifiers)
        last_round.update(dict.fromkeys(identifiers, number))
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(item)
    return rounds


def item_indices(items: Iterable[ProfileItem]) -> list[int]:
    """Return the indexes of items."""
    return [item.index for item in items]


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedItem(Generic[ItemT]):
    """Item that Klaviyo rejected, with the reason.

    Attributes:
        item: Rejected item.
        reason: Reason of the rejection.
        status: HTTP status of the response.
        is_not_found: True for a 404.
    """

    item: ItemT
    reason: str
    status: int
    is_not_found: bool


@dataclass(slots=True, kw_only=True)
class BisectResult(Generic[ItemT]):
    """Accepted and rejected items of an operation.

    Attributes:
        accepted: Chunks of accepted items, with the result.
        rejected: Rejected items.
        is_list_gone: True if the list no longer exists; the other fields are then
    empty.
    """

    accepted: list[tuple[tuple[ItemT, ...], Accepted]] = field(default_factory=list)
    rejected: list[RejectedItem[ItemT]] = field(default_factory=list)
    is_list_gone: bool = False


async def no_list_check() -> bool:
    """Report that no list is missing, for operations without a list."""
    return False


async def send_with_bisect(
    items: Sequence[ItemT],
    *,
    send: Callable[[tuple[ItemT, ...]], Awaitable[FinalResult]],
    is_list_gone: Callable[[], Awaitable[bool]] = no_list_check,
    items_max: int | None = None,
) -> BisectResult[ItemT]:
    """Send items together, and without the bad items after a rejection.

    Args:
        items: All items.
        send: Sends some items in one request.
        is_list_gone: Checks whether the list is gone. Called at each 404 and at the
            first rejection without item indexes, before any item is blamed.
        items_max: Most items in a request; None where all items fit in one.
    """
    bisected: BisectResult[ItemT] = BisectResult()
    step = items_max or len(items) or 1
    pending_chunks = [
        tuple(items[start : start + step]) for start in range(0, len(items), step)
    ]
    list_checked = False
    while pending_chunks:
        chunk = pending_chunks.pop()
        result = await send(chunk)
        if isinstance(result, Accepted):
            bisected.accepted.append((chunk, result))
            continue
        rejected, remaining_chunks = separate_rejected(chunk, result)
        if (not rejected or len(chunk) == 1) and _may_be_missing_list(
            result, list_checked=list_checked
        ):
            list_checked = True
            if await is_list_gone():
                return BisectResult(is_list_gone=True)
        bisected.rejected += rejected
        pending_chunks += remaining_chunks
    return bisected


def separate_rejected(
    chunk: tuple[ItemT, ...], rejection: Rejection
) -> tuple[list[RejectedItem[ItemT]], list[tuple[ItemT, ...]]]:
    """Separate the rejected items of a chunk from the others.

    Returns:
        The rejected items (those that the result refers to, or the only item), and the
        chunks to send again: all other items, or both halves if the result refers to no
        item.
    """
    item_reasons = _valid_item_reasons(rejection, count=len(chunk))
    if item_reasons:
        rejected = [
            _rejected_item(chunk[index], rejection, item_reasons[index])
            for index in sorted(item_reasons)
        ]
        remaining_items = tuple(
            item for index, item in enumerate(chunk) if index not in item_reasons
        )
        return rejected, [remaining_items] if remaining_items else []
    if len(chunk) == 1:
        return [_rejected_item(chunk[0], rejection, rejection.reason)], []
    return [], halves(chunk)


def translate_positions(result: FinalResult, positions: Sequence[int]) -> FinalResult:
    """Return a result with reasons by position in the larger batch.

    Args:
        result: Result of the request.
        positions: For each entry of the request, its position in the larger batch;
            reasons about other entries are dropped.
    """
    if not isinstance(result, Rejected | NotFound):
        return result
    reasons = {
        positions[entry]: reason
        for entry, reason in result.item_reasons.items()
        if entry < len(positions)
    }
    return msgspec.structs.replace(result, item_reasons=reasons)


def halves(chunk: tuple[ItemT, ...]) -> list[tuple[ItemT, ...]]:
    """Split a chunk in two; a single item stays whole."""
    middle = len(chunk) // 2
    return [half for half in (chunk[:middle], chunk[middle:]) if half]


def _valid_item_reasons(rejection: Rejection, *, count: int) -> dict[int, str]:
    match rejection:
        case Rejected(item_reasons=item_reasons) | NotFound(item_reasons=item_reasons):
            return {
                index: reason for index, reason in item_reasons.items() if index < count
            }
        case Conflict() | TooLarge():
            return {}


def _may_be_missing_list(rejection: Rejection, *, list_checked: bool) -> bool:
    return isinstance(rejection, NotFound) or (
        isinstance(rejection, Rejected) and not list_checked
    )


def _rejected_item(
    item: ItemT, rejection: Rejection, reason: str
) -> RejectedItem[ItemT]:
    return RejectedItem(
        item=item,
        reason=reason,
        status=rejection.status,
        is_not_found=isinstance(rejection, NotFound),
    )


async def gather_all(
    coroutines: Iterable[Coroutine[Any, Any, ResultT]],
) -> list[ResultT]:
    """Await all coroutines; a single coroutine runs without a task."""
    pending = list(coroutines)
    if len(pending) == 1:
        return [await pending[0]]
    return list(await asyncio.gather(*pending))
