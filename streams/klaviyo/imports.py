"""Bulk imports: submitted, followed to their end, every error on its own record."""

import asyncio
from functools import partial

import structlog

from streams.klaviyo import requests
from streams.klaviyo.answers import Accepted, Settled
from streams.klaviyo.import_errors import JobEnd, Settlement, read_errors, settle
from streams.klaviyo.isolate import Parted, apart, chunked, never
from streams.klaviyo.items import Item, indices
from streams.klaviyo.jobs import Follower, JobStatus, running_imports, wait_for_imports
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lists import list_exists
from streams.klaviyo.pages import all_pages
from streams.klaviyo.quotas import IMPORT_PROFILES
from streams.klaviyo.responses import id_in

_ENVELOPE_BYTES = 1_000
"""What an import's body holds beside its profiles, generously."""

_log = structlog.get_logger(__name__)


async def import_items(
    client: Follower, items: list[Item], *, ledger: Ledger, list_id: str = ""
) -> bool:
    """Import profiles, and add them to a list when one is named.

    Args:
        client: Sends the requests.
        items: No identifier twice (`streams.klaviyo.items.rounds`).
        ledger: Takes the verdicts.
        list_id: Klaviyo's id of the list; empty for none.

    Returns:
        Whether the list is gone; the verdicts say nothing then.
    """
    chunks = _chunks(items)
    cancelled = 0
    while chunks:
        import_chunk = partial(_import, client, ledger=ledger, list_id=list_id)
        settlements = await asyncio.gather(*map(import_chunk, chunks))
        if any(settlement.gone for settlement in settlements):
            return True
        chunks = [chunk for settlement in settlements for chunk in settlement.again]
        cancelled = cancelled + 1 if any(map(_was_cancelled, settlements)) else 0
        if cancelled:
            _log.warning("imports_resubmitted", jobs=len(chunks), times=cancelled)
            await client.rest(failures=cancelled)
    return False


def _chunks(items: list[Item]) -> list[tuple[Item, ...]]:
    limit = IMPORT_PROFILES.limit
    return chunked(
        items,
        count_max=limit.items,
        weight=lambda item: len(item.resource) + 1,
        weight_max=limit.body_bytes - _ENVELOPE_BYTES,
    )


async def _import(
    client: Follower, chunk: tuple[Item, ...], *, ledger: Ledger, list_id: str
) -> Settlement:
    """Submit one chunk, follow its jobs, and write what is decided."""
    parted = await _submit(client, chunk, ledger=ledger, list_id=list_id)
    if parted.gone:
        return Settlement(gone=True)
    for refused in parted.refused:
        ledger.dead_letter(refused.item.index, refused.reason, status=refused.status)
    ends = await asyncio.gather(
        *(_end_of(client, id_in(answer.data)) for _, answer in parted.taken)
    )
    if any(answer.unsure for _, answer in parted.taken):
        await _outwait_ghosts(client)
    if list_id and not await list_exists(client, list_id):
        return Settlement(
            gone=True
        )  # a job that outlives its list completes all the same
    whole = Settlement()
    for (taken, answer), end in zip(parted.taken, ends, strict=True):
        settled = settle(taken, end)
        ledger.delivered(indices(settled.delivered), status=answer.status)
        for item, reason in settled.refused:
            ledger.dead_letter(item.index, reason, status=answer.status)
        whole.again += settled.again
        whole.cancelled = whole.cancelled or settled.cancelled
    return whole


async def _submit(
    client: Follower, chunk: tuple[Item, ...], *, ledger: Ledger, list_id: str
) -> Parted[Item]:
    async def send(part: tuple[Item, ...]) -> Settled:
        resources = [item.resource for item in part]
        request = requests.import_profiles(resources, list_id=list_id)
        answer = await client.call(request)
        ledger.carried(indices(part), attempts=answer.attempts)
        return answer

    async def gone() -> bool:
        return not await list_exists(client, list_id)

    return await apart(chunk, send=send, gone=gone if list_id else never)


async def _end_of(client: Follower, job_id: str) -> JobEnd:
    """Follow a job to its end, and fetch what it could not import."""
    if not job_id:
        return JobEnd(status=JobStatus.UNKNOWN)
    state = await client.jobs.end_of(job_id)
    if state.status is not JobStatus.COMPLETE or state.failed == 0:
        return JobEnd(status=state.status, failed=0)
    answer = await all_pages(client, requests.import_errors(job_id))
    errors = read_errors(answer.data) if isinstance(answer, Accepted) else ()
    return JobEnd(status=state.status, failed=state.failed, errors=errors)


async def _outwait_ghosts(client: Follower) -> None:
    """Wait for jobs whose submission was accepted though its answer was lost.

    Their ids are unknown, so all that run are waited for: otherwise one of them could
    add a profile back after a removal that follows.
    """
    await wait_for_imports(client, await running_imports(client))


def _was_cancelled(settlement: Settlement) -> bool:
    return settlement.cancelled
