"""Bulk imports: submitted, followed to their end, every error on its own record."""

import asyncio
from functools import partial

import structlog

from streams.chunks import chunk_by_weight
from streams.klaviyo.api import requests
from streams.klaviyo.api.endpoints import IMPORT_PROFILES
from streams.klaviyo.api.import_jobs import (
    ImportJobStatus,
    JobTrackingClient,
    fetch_running_import_ids,
    wait_for_imports,
)
from streams.klaviyo.api.pagination import fetch_all_pages, list_exists
from streams.klaviyo.api.responses import single_resource_id
from streams.klaviyo.api.results import Accepted, FinalResult
from streams.klaviyo.batching.bisect import (
    BisectResult,
    no_list_check,
    send_with_bisect,
)
from streams.klaviyo.batching.items import ProfileItem, item_indices
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.operations.import_errors import (
    ImportJobResult,
    ImportSettlement,
    read_import_errors,
    settle_import_job,
)

_ENVELOPE_BYTES = 1_000
"""What an import's body holds beside its profiles, generously."""

_log = structlog.get_logger(__name__)


async def bulk_import(
    client: JobTrackingClient,
    items: list[ProfileItem],
    *,
    collector: VerdictCollector,
    list_id: str = "",
) -> bool:
    """Import profiles, and add them to a list when one is named.

    Args:
        client: Sends the requests.
        items: No identifier twice (`streams.klaviyo.batching.items.rounds`).
        collector: Takes the verdicts.
        list_id: Klaviyo's id of the list; empty for none.

    Returns:
        Whether the list is gone; the verdicts say nothing then.
    """
    chunks = _chunks(items)
    cancelled = 0
    while chunks:
        import_chunk = partial(
            _import_chunk, client, collector=collector, list_id=list_id
        )
        settlements = await asyncio.gather(*map(import_chunk, chunks))
        if any(settlement.list_gone for settlement in settlements):
            return True
        chunks = [chunk for settlement in settlements for chunk in settlement.resubmit]
        cancelled = cancelled + 1 if any(map(_was_cancelled, settlements)) else 0
        if cancelled:
            _log.warning("imports_resubmitted", jobs=len(chunks), times=cancelled)
            await client.back_off(failures=cancelled)
    return False


def _chunks(items: list[ProfileItem]) -> list[tuple[ProfileItem, ...]]:
    limit = IMPORT_PROFILES.limit
    return chunk_by_weight(
        items,
        count_max=limit.items,
        weight=lambda item: len(item.resource) + 1,
        weight_max=limit.body_bytes - _ENVELOPE_BYTES,
    )


async def _import_chunk(
    client: JobTrackingClient,
    chunk: tuple[ProfileItem, ...],
    *,
    collector: VerdictCollector,
    list_id: str,
) -> ImportSettlement:
    """Submit one chunk, follow its jobs, and write what is decided."""
    submitted = await _submit_chunk(client, chunk, collector=collector, list_id=list_id)
    if submitted.is_list_gone:
        return ImportSettlement(list_gone=True)
    for refused in submitted.rejected:
        collector.mark_dead_letter(
            refused.item.index, refused.reason, status=refused.status
        )
    job_results = await asyncio.gather(
        *(
            _job_result(client, single_resource_id(answer.data))
            for _, answer in submitted.accepted
        )
    )
    if any(answer.is_uncertain for _, answer in submitted.accepted):
        await _wait_for_unknown_jobs(client)
    if list_id and not await list_exists(client, list_id):
        return ImportSettlement(
            list_gone=True
        )  # a job that outlives its list completes all the same
    combined = ImportSettlement()
    for (taken, answer), job_result in zip(
        submitted.accepted, job_results, strict=True
    ):
        settlement = settle_import_job(taken, job_result)
        collector.mark_delivered(
            item_indices(settlement.delivered), status=answer.status
        )
        for item, reason in settlement.refused:
            collector.mark_dead_letter(item.index, reason, status=answer.status)
        combined.resubmit += settlement.resubmit
        combined.cancelled = combined.cancelled or settlement.cancelled
    return combined


async def _submit_chunk(
    client: JobTrackingClient,
    chunk: tuple[ProfileItem, ...],
    *,
    collector: VerdictCollector,
    list_id: str,
) -> BisectResult[ProfileItem]:
    async def send(items: tuple[ProfileItem, ...]) -> FinalResult:
        resources = [item.resource for item in items]
        request = requests.import_profiles(resources, list_id=list_id)
        answer = await client.call(request)
        collector.count_attempts(item_indices(items), attempts=answer.attempts)
        return answer

    async def is_list_gone() -> bool:
        return not await list_exists(client, list_id)

    return await send_with_bisect(
        chunk, send=send, is_list_gone=is_list_gone if list_id else no_list_check
    )


async def _job_result(client: JobTrackingClient, job_id: str) -> ImportJobResult:
    """Follow a job to its end, and fetch what it could not import."""
    if not job_id:
        return ImportJobResult(status=ImportJobStatus.UNKNOWN)
    job_state = await client.jobs.wait_for_end(job_id)
    if job_state.status is not ImportJobStatus.COMPLETE or job_state.failed_count == 0:
        return ImportJobResult(status=job_state.status, failed=0)
    answer = await fetch_all_pages(client, requests.get_import_errors(job_id))
    errors = read_import_errors(answer.data) if isinstance(answer, Accepted) else ()
    return ImportJobResult(
        status=job_state.status, failed=job_state.failed_count, errors=errors
    )


async def _wait_for_unknown_jobs(client: JobTrackingClient) -> None:
    """Wait for jobs whose submission was accepted though its answer was lost.

    Their ids are unknown, so all that run are waited for: otherwise one of them could
    add a profile back after a removal that follows.
    """
    await wait_for_imports(client, await fetch_running_import_ids(client))


def _was_cancelled(settlement: ImportSettlement) -> bool:
    return settlement.cancelled
