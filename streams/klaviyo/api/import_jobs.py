"""Import jobs followed to their end, many with one call."""

import asyncio
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from streams.errors import EngineError
from streams.klaviyo.api import requests
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.responses import resource_attributes, resource_id, resources
from streams.klaviyo.api.results import Accepted

POLL_MIN_S = 0.25
"""First look at a job, when no other was being followed."""

POLL_BUSY_S = 1.0
"""First look when others are followed: 60 calls a minute of the 150 allowed."""

POLL_MAX_S = 5.0
POLL_GROWTH = 1.5


class ImportJobStatus(StrEnum):
    """How a job ended."""

    COMPLETE = "complete"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class FinishedImportJob(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a job.

    Attributes:
        status: COMPLETE; CANCELLED; UNKNOWN: Klaviyo does not know the job any more.
        failed_count: Profiles it could not import; None when Klaviyo does not say.
    """

    status: ImportJobStatus
    failed_count: int | None = None


class ImportJobTracker:
    """Follows import jobs: one poller, whatever their number.

    Alone, a job is asked for by its id. Of several, the list of the latest jobs is
    asked for; those that are not in it are looked for in the list of running ones, and
    by their ids.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client
        self._futures: dict[str, asyncio.Future[FinishedImportJob]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._interval_s = POLL_MIN_S

    async def wait_for_end(self, job_id: str) -> FinishedImportJob:
        """Wait until a job has ended, and say how."""
        future = self._futures.get(job_id)
        if future is None:
            future = self._futures[job_id] = asyncio.get_running_loop().create_future()
        self._ensure_polling()
        return await asyncio.shield(future)  # others may wait for the same job

    async def close(self) -> None:
        """Stop following; whoever still waits is cancelled."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        for future in self._futures.values():
            future.cancel()
        self._futures.clear()

    def _ensure_polling(self) -> None:
        if self._poller is None or self._poller.done():
            self._interval_s = POLL_MIN_S
            self._poller = asyncio.create_task(self._poll(), name="import-jobs")
        else:
            self._interval_s = min(self._interval_s, POLL_BUSY_S)

    async def _poll(self) -> None:
        try:
            while self._futures:
                await self._client.pause(self._interval_s)
                self._interval_s = min(self._interval_s * POLL_GROWTH, POLL_MAX_S)
                await self._check_jobs()
        except Exception as error:  # noqa: BLE001  # handed to whoever waits
            for future in self._futures.values():
                future.set_exception(error)
            self._futures.clear()

    async def _check_jobs(self) -> None:
        open_job_ids = set(self._futures)
        if len(open_job_ids) > 1:
            latest = await _fetch_latest(self._client)
            for job_id in open_job_ids & latest.keys():
                self._resolve(job_id, latest[job_id])
            open_job_ids -= latest.keys()
        if len(open_job_ids) > 1:
            open_job_ids -= await fetch_running_import_ids(self._client)
        for job_id in open_job_ids:
            self._resolve(job_id, await _fetch_job(self._client, job_id))

    def _resolve(self, job_id: str, finished: FinishedImportJob | None) -> None:
        if finished is not None:
            self._futures.pop(job_id).set_result(finished)


class JobTrackingClient(KlaviyoApi, Protocol):
    """A client that follows import jobs."""

    @property
    def jobs(self) -> ImportJobTracker:
        """The jobs it follows."""
        ...


async def fetch_running_import_ids(client: KlaviyoApi) -> frozenset[str]:
    """List the jobs that are queued or processing, whoever submitted them."""
    result = await fetch_all_pages(client, requests.list_running_imports())
    if not isinstance(result, Accepted):
        raise EngineError(f"import jobs cannot be listed: {result.reason}")
    return frozenset(map(resource_id, resources(result.data)))


async def _fetch_latest(client: KlaviyoApi) -> dict[str, FinishedImportJob | None]:
    """List the hundred jobs submitted last; None for those that run."""
    result = await client.call(requests.list_latest_imports())
    job_resources = resources(result.data) if isinstance(result, Accepted) else ()
    return {resource_id(resource): _parse_job(resource) for resource in job_resources}


async def wait_for_imports(client: JobTrackingClient, job_ids: Iterable[str]) -> None:
    """Wait until none of these jobs runs: the fence after a takeover."""
    await asyncio.gather(*map(client.jobs.wait_for_end, job_ids))


async def _fetch_job(client: KlaviyoApi, job_id: str) -> FinishedImportJob | None:
    """Ask for one job; None while it runs."""
    result = await client.call(requests.get_import_job(job_id))
    if not isinstance(result, Accepted):
        return FinishedImportJob(status=ImportJobStatus.UNKNOWN)
    job_resources = resources(result.data)
    return _parse_job(job_resources[0]) if job_resources else None


def _parse_job(resource: Mapping[str, Any]) -> FinishedImportJob | None:
    attributes = resource_attributes(resource)
    failed_count = attributes.get("failed_count")
    match attributes.get("status"):
        case "complete":
            return FinishedImportJob(
                status=ImportJobStatus.COMPLETE,
                failed_count=failed_count if isinstance(failed_count, int) else None,
            )
        case "cancelled":
            return FinishedImportJob(status=ImportJobStatus.CANCELLED)
        case _:
            return None
