"""What an import job could not import, matched with the records it was given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.klaviyo import reasons
from streams.klaviyo.isolate import halves
from streams.klaviyo.items import Identifier, Item, folded, identifiers
from streams.klaviyo.jobs import JobStatus
from streams.klaviyo.responses import attributes_of, resources


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFault:
    """One import error.

    Attributes:
        names: Identifiers of the profile it is about.
        place: Its place in the request, where the error says so.
        reason: Why it was not imported.
    """

    names: tuple[Identifier, ...]
    place: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a job ended.

    Attributes:
        status: Complete, cancelled or unknown.
        failed: Profiles it could not import; None when Klaviyo does not say.
        errors: Why.
    """

    status: JobStatus
    failed: int | None = 0
    errors: tuple[ImportFault, ...] = ()


@dataclass(slots=True, kw_only=True)
class Settlement:
    """What the end of a job decides.

    Attributes:
        delivered: Items it imported.
        refused: Items it could not import, and why.
        again: Chunks to submit again.
        cancelled: It was cancelled.
        gone: The list does not exist any more.
    """

    delivered: list[Item] = field(default_factory=list)
    refused: list[tuple[Item, str]] = field(default_factory=list)
    again: list[tuple[Item, ...]] = field(default_factory=list)
    cancelled: bool = False
    gone: bool = False


def settle(chunk: tuple[Item, ...], end: JobEnd) -> Settlement:
    """Decide what the end of a job means for its items.

    Failures that cannot be matched with an item are isolated by submitting the halves
    again, until the culprit is alone.
    """
    if end.status is not JobStatus.COMPLETE:
        return Settlement(again=[chunk], cancelled=True)
    named = name_failures(chunk, end.errors)
    refused = [(chunk[at], named[at]) for at in sorted(named)]
    rest = tuple(item for at, item in enumerate(chunk) if at not in named)
    failed = len(end.errors) if end.failed is None else end.failed
    if failed <= len(named) or not rest:
        return Settlement(delivered=list(rest), refused=refused)
    if len(rest) == 1:
        reason = end.errors[0].reason if end.errors else "import-failed"
        return Settlement(refused=[*refused, (rest[0], reason)])
    return Settlement(refused=refused, again=halves(rest))


def name_failures(
    chunk: tuple[Item, ...], errors: tuple[ImportFault, ...]
) -> dict[int, str]:
    """Match errors with the places of items, by identity, else by the error's place."""
    if not errors:
        return {}
    places = {
        folded(name): place
        for place, item in enumerate(chunk)
        for name in identifiers(item.profile)
    }
    named: dict[int, str] = {}
    for error in errors:
        known = (places[name] for name in error.names if name in places)
        place = next(known, error.place)
        if place is not None and place < len(chunk):
            named.setdefault(place, error.reason)
    return named


def read_errors(document: Mapping[str, Any]) -> tuple[ImportFault, ...]:
    """Read a listing of import errors."""
    return tuple(map(_error, map(attributes_of, resources(document))))


def _error(attributes: Mapping[str, Any]) -> ImportFault:
    payload = attributes.get("original_payload")
    return ImportFault(
        names=tuple(map(folded, identifiers(_flat(payload)))),
        place=reasons.item_of(attributes),
        reason=reasons.reason(attributes, default="import-failed"),
    )


def _flat(payload: object) -> Mapping[str, Any]:
    """Find the profile's attributes: the payload is given flat or as a resource."""
    if not isinstance(payload, dict):
        return {}
    inner = payload.get("data")
    resource = inner if isinstance(inner, dict) else payload
    return {**resource, **attributes_of(resource)}
