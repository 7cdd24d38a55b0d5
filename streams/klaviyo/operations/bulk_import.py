"""Bulk imports of profiles, followed to the end, with a verdict for each profile."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from streams.delivery.verdict import Reason
from streams.klaviyo.api import error_reasons, requests
from streams.klaviyo.api.endpoints import IMPORT_PROFILES
from streams.klaviyo.api.import_jobs import (
    ImportJobStatus,
    JobTrackingClient,
    fetch_running_import_ids,
    wait_for_imports,
)
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.responses import (
    resource_attributes,
    resources,
    single_resource_id,
)
from streams.klaviyo.api.results import Accepted, FinalResult, ListGone
from streams.klaviyo.batching.items import (
    BisectResult,
    Identifier,
    ProfileItem,
    VerdictCollector,
    halves,
    item_indices,
    list_identifiers,
    no_list_check,
    send_with_bisect,
)
from streams.klaviyo.batching.submit import cut_into_requests
from streams.klaviyo.lookups.lists import is_list_gone

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFault:
    """Error of an import job about a profile.

    Attributes:
        identifiers: Identifiers of the profile.
        index: Position of the profile in the request, where the error has a position.
        reason: Reason for the error.
    """

    identifiers: tuple[Identifier, ...]
    index: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJobResult:
    """Final state of an import job.

    Attributes:
        status: Complete, cancelled or unknown.
        failed: Number of failed profiles; None where Klaviyo gives no number.
        errors: Errors of single profiles.
    """

    status: ImportJobStatus
    failed: int | None = 0
    errors: tuple[ImportFault, ...] = ()


@dataclass(slots=True, kw_only=True)
class ImportSettlement:
    """Decision about the items of an import job that has ended.

    Attributes:
        delivered: Imported items.
        rejected: Items that cannot be imported, each with the reason.
        resubmit: Chunks to submit again.
        cancelled: True if the job was cancelled.
    """

    delivered: list[ProfileItem] = field(default_factory=list)
    rejected: list[tuple[ProfileItem, str]] = field(default_factory=list)
    resubmit: list[tuple[ProfileItem, ...]] = field(default_factory=list)
    cancelled: bool = False


async def bulk_import(
    client: JobTrackingClient,
    items: list[ProfileItem],
    *,
    collector: VerdictCollector,
    list_id: str = "",
) -> list[ProfileItem] | ListGone:
    """Import profiles, and add the profiles to a list if named.

    Args:
        client: Sends the requests.
        items: Profiles that share no identifier
            (`streams.klaviyo.batching.items.split_into_rounds`).
        collector: Receives the verdicts.
        list_id: Klaviyo's id of the list; empty for no list.

    Returns:
        Items that a job refused although one by one they may succeed: their identifiers
        may belong to two profiles, which only a single update tells. They are dead
        letters so far. `ListGone` if the list does not exist; the verdicts are
        meaningless then.
    """
    refused: list[ProfileItem] = []
    chunks = cut_into_requests(items, limit=IMPORT_PROFILES.limit)
    cancelled = 0
    while chunks:
        import_chunk = partial(
            _import_chunk, client, collector=collector, list_id=list_id
        )
        settlements: list[ImportSettlement] = []
        for result in await asyncio.gather(*map(import_chunk, chunks)):
            if isinstance(result, ListGone):
                return result
            settlements.append(result)
        chunks = [chunk for settlement in settlements for chunk in settlement.resubmit]
        refused += [
            item
            for settlement in settlements
            for item, reason in settlement.rejected
            if _may_be_conflict(item, reason)
        ]
        was_cancelled = any(settlement.cancelled for settlement in settlements)
        cancelled = cancelled + 1 if was_cancelled else 0
        if cancelled:
            _log.warning("imports_resubmitted", jobs=len(chunks), times=cancelled)
            await client.back_off(failures=cancelled)
    return refused


def settle_import_job(
    chunk: tuple[ProfileItem, ...], result: ImportJobResult
) -> ImportSettlement:
    """Decide about the items of an import job that has ended.

    Where failures match no item, both halves of the chunk are submitted again, until
    the failing item is alone.
    """
    if result.status is not ImportJobStatus.COMPLETE:
        return ImportSettlement(resubmit=[chunk], cancelled=True)
    reasons_by_index = match_errors(chunk, result.errors)
    rejected = [
        (chunk[index], reasons_by_index[index]) for index in sorted(reasons_by_index)
    ]
    unmatched = tuple(
        item for index, item in enumerate(chunk) if index not in reasons_by_index
    )
    failed = len(result.errors) if result.failed is None else result.failed
    if failed <= len(reasons_by_index) or not unmatched:
        return ImportSettlement(delivered=list(unmatched), rejected=rejected)
    if len(unmatched) == 1:
        reason = result.errors[0].reason if result.errors else "import-failed"
        return ImportSettlement(rejected=[*rejected, (unmatched[0], reason)])
    return ImportSettlement(rejected=rejected, resubmit=halves(unmatched))


def match_errors(
    chunk: tuple[ProfileItem, ...], errors: tuple[ImportFault, ...]
) -> dict[int, str]:
    """Match errors with items, by identifier, else by the position in the error."""
    if not errors:
        return {}
    index_by_identifier = {
        identifier: index
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
    """Parse a response that lists import errors."""
    return tuple(map(_parse_error, map(resource_attributes, resources(document))))


async def _import_chunk(
    client: JobTrackingClient,
    chunk: tuple[ProfileItem, ...],
    *,
    collector: VerdictCollector,
    list_id: str,
) -> ImportSettlement | ListGone:
    """Submit a chunk, follow the jobs, and record the verdicts."""
    submitted = await _submit_chunk(client, chunk, collector=collector, list_id=list_id)
    if submitted.is_list_gone:
        return ListGone(list_id=list_id)
    for rejected in submitted.rejected:
        collector.mark_dead_letter(
            rejected.item.index, rejected.reason, status=rejected.status
        )
    job_results = await asyncio.gather(
        *(
            _job_result(client, single_resource_id(answer.data), items)
            for items, answer in submitted.accepted
        )
    )
    if any(answer.is_uncertain for _, answer in submitted.accepted):
        await _wait_for_unknown_jobs(client)
    # A job completes even where its list is deleted while the job is running.
    if list_id and await is_list_gone(client, list_id):
        return ListGone(list_id=list_id)
    combined = ImportSettlement()
    for (items, answer), job_result in zip(
        submitted.accepted, job_results, strict=True
    ):
        settlement = settle_import_job(items, job_result)
        _record_verdicts(settlement, status=answer.status, collector=collector)
        combined.resubmit += settlement.resubmit
        combined.rejected += settlement.rejected
        combined.cancelled = combined.cancelled or settlement.cancelled
    return combined


def _may_be_conflict(item: ProfileItem, reason: str) -> bool:
    """Return True if a job may have refused an item for belonging to two profiles.

    Klaviyo documents only the code `invalid`, for a bad value.
    """
    is_invalid = Reason.parse(reason).code == "invalid"
    return not is_invalid and len(list_identifiers(item.profile)) > 1


def _record_verdicts(
    settlement: ImportSettlement, *, status: int, collector: VerdictCollector
) -> None:
    collector.mark_delivered(item_indices(settlement.delivered), status=status)
    for item, reason in settlement.rejected:
        collector.mark_dead_letter(item.index, reason, status=status)


async def _submit_chunk(
    client: JobTrackingClient,
    chunk: tuple[ProfileItem, ...],
    *,
    collector: VerdictCollector,
    list_id: str,
) -> BisectResult[ProfileItem]:
    async def send(items: tuple[ProfileItem, ...]) -> FinalResult:
        encoded = [item.resource for item in items]
        request = requests.import_profiles(encoded, list_id=list_id)
        answer = await client.call(request)
        collector.count_attempts(item_indices(items), attempts=answer.attempts)
        return answer

    list_check = partial(is_list_gone, client, list_id) if list_id else no_list_check
    return await send_with_bisect(chunk, send=send, is_list_gone=list_check)


async def _job_result(
    client: JobTrackingClient, job_id: str, items: Iterable[ProfileItem]
) -> ImportJobResult:
    """Follow a job to the end, and fetch the errors of the profiles."""
    if not job_id:
        return ImportJobResult(status=ImportJobStatus.UNKNOWN)
    emails = (str(item.profile.get("email") or "").lower() for item in items)
    job = await client.jobs.wait_for_end(job_id, emails=emails)
    if job.status is not ImportJobStatus.COMPLETE or job.failed_count == 0:
        return ImportJobResult(status=job.status, failed=0)
    answer = await fetch_all_pages(client, requests.get_import_errors(job_id))
    errors = read_import_errors(answer.data) if isinstance(answer, Accepted) else ()
    return ImportJobResult(status=job.status, failed=job.failed_count, errors=errors)


async def _wait_for_unknown_jobs(client: JobTrackingClient) -> None:
    """Wait for jobs that Klaviyo accepted although the response was lost.

    The ids of such jobs are unknown, so the wait is for all running jobs: otherwise a
    job could add a profile again after a later removal.
    """
    await wait_for_imports(client, await fetch_running_import_ids(client))


def _parse_error(attributes: Mapping[str, Any]) -> ImportFault:
    payload = attributes.get("original_payload")
    return ImportFault(
        identifiers=tuple(list_identifiers(_profile_attributes(payload))),
        index=error_reasons.error_item_index(attributes),
        reason=error_reasons.describe_error(attributes, default="import-failed"),
    )


def _profile_attributes(payload: object) -> Mapping[str, Any]:
    """Return the profile's attributes; the payload is flat or a resource."""
    if not isinstance(payload, dict):
        return {}
    inner = payload.get("data")
    resource = inner if isinstance(inner, dict) else payload
    return {**resource, **resource_attributes(resource)}
