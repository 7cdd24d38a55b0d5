"""What an import job could not import, matched with the records it was given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.klaviyo.api import error_reasons
from streams.klaviyo.api.import_jobs import ImportJobStatus
from streams.klaviyo.api.responses import resource_attributes, resources
from streams.klaviyo.batching.bisect import halves
from streams.klaviyo.batching.items import (
    Identifier,
    ProfileItem,
    list_identifiers,
    normalize_identifier,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFault:
    """One import error.

    Attributes:
        identifiers: Identifiers of the profile it is about.
        index: Its place in the request, where the error says so.
        reason: Why it was not imported.
    """

    identifiers: tuple[Identifier, ...]
    index: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJobResult:
    """How a job ended.

    Attributes:
        status: Complete, cancelled or unknown.
        failed: Profiles it could not import; None when Klaviyo does not say.
        errors: Why.
    """

    status: ImportJobStatus
    failed: int | None = 0
    errors: tuple[ImportFault, ...] = ()


@dataclass(slots=True, kw_only=True)
class ImportSettlement:
    """What the end of a job decides.

    Attributes:
        delivered: Items it imported.
        refused: Items it could not import, and why.
        resubmit: Chunks to submit again.
        cancelled: It was cancelled.
        list_gone: The list does not exist any more.
    """

    delivered: list[ProfileItem] = field(default_factory=list)
    refused: list[tuple[ProfileItem, str]] = field(default_factory=list)
    resubmit: list[tuple[ProfileItem, ...]] = field(default_factory=list)
    cancelled: bool = False
    list_gone: bool = False


def settle_import_job(
    chunk: tuple[ProfileItem, ...], result: ImportJobResult
) -> ImportSettlement:
    """Decide what the end of a job means for its items.

    Failures that cannot be matched with an item are isolated by submitting the halves
    again, until the culprit is alone.
    """
    if result.status is not ImportJobStatus.COMPLETE:
        return ImportSettlement(resubmit=[chunk], cancelled=True)
    reasons_by_index = match_errors(chunk, result.errors)
    refused = [
        (chunk[index], reasons_by_index[index]) for index in sorted(reasons_by_index)
    ]
    unmatched = tuple(
        item for index, item in enumerate(chunk) if index not in reasons_by_index
    )
    failed = len(result.errors) if result.failed is None else result.failed
    if failed <= len(reasons_by_index) or not unmatched:
        return ImportSettlement(delivered=list(unmatched), refused=refused)
    if len(unmatched) == 1:
        reason = result.errors[0].reason if result.errors else "import-failed"
        return ImportSettlement(refused=[*refused, (unmatched[0], reason)])
    return ImportSettlement(refused=refused, resubmit=halves(unmatched))


def match_errors(
    chunk: tuple[ProfileItem, ...], errors: tuple[ImportFault, ...]
) -> dict[int, str]:
    """Match errors with the places of items, by identity, else by the error's place."""
    if not errors:
        return {}
    index_by_identifier = {
        normalize_identifier(identifier): index
        for index, item in enumerate(chunk)
        for identifier in list_identifiers(item.profile)
    }
    reasons_by_index: dict[int, str] = {}
    for error in errors:
        matches = (
            index_by_identifier[identifier]
            for identifier in error.identifiers
            if identifier in index_by_identifier
        )
        index = next(matches, error.index)
        if index is not None and index < len(chunk):
            reasons_by_index.setdefault(index, error.reason)
    return reasons_by_index


def read_import_errors(document: Mapping[str, Any]) -> tuple[ImportFault, ...]:
    """Read a listing of import errors."""
    return tuple(map(_parse_error, map(resource_attributes, resources(document))))


def _parse_error(attributes: Mapping[str, Any]) -> ImportFault:
    payload = attributes.get("original_payload")
    return ImportFault(
        identifiers=tuple(
            map(normalize_identifier, list_identifiers(_profile_attributes(payload)))
        ),
        index=error_reasons.error_item_index(attributes),
        reason=error_reasons.describe_error(attributes, default="import-failed"),
    )


def _profile_attributes(payload: object) -> Mapping[str, Any]:
    """Find the profile's attributes: the payload is given flat or as a resource."""
    if not isinstance(payload, dict):
        return {}
    inner = payload.get("data")
    resource = inner if isinstance(inner, dict) else payload
    return {**resource, **resource_attributes(resource)}
