"""Tracker that follows many import jobs to the end with few requests."""

import asyncio
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from streams.errors import EngineError
from streams.klaviyo.api import requests
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.api.responses import resource_attributes, resource_id, resources
from streams.klaviyo.api.results import Accepted

POLL_MIN_S = 0.25
"""Delay in seconds before the first poll, while no other job is tracked."""

POLL_BUSY_S = 1.0
"""Delay in seconds before the first poll, while other jobs are tracked: 60 calls a
minute of the 150 allowed."""

POLL_MAX_S = 5.0
POLL_GROWTH = 1.5


class ImportJobStatus(StrEnum):
    """Final status of an import job."""

    COMPLETE = "complete"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class FinishedImportJob(msgspec.Struct, frozen=True, kw_only=True):
    """Result of an import job that has ended.

    Attributes:
        status: Final status; UNKNOWN if Klaviyo no longer knows the job.
        failed_count: Profiles that were not imported; None if Klaviyo gives no count.
    """

    status: ImportJobStatus
    failed_count: int | None = None


class ImportJobTracker:
    """Tracker of import jobs with a single poller.

    A single job is polled by its ID. Several jobs are polled through the list of the
    latest jobs; jobs that are missing there are searched in the list of running jobs,
    and then one by one.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client
        self._futures: dict[str, asyncio.Future[FinishedImportJob]] = {}
        self._emails: dict[str, frozenset[str]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._interval_s = POLL_MIN_S

    def open_jobs_with(self, emails: Iterable[str]) -> frozenset[str]:
        """Return the IDs of running jobs that may hold any of some addresses.

        Args:
            emails: Addresses in lower case.
        """
        wanted = {*emails}
        return frozenset(
            job_id
            for job_id in self._futures
            if job_id not in self._emails or not wanted.isdisjoint(self._emails[job_id])
        )

    async def wait_for_end(
        self, job_id: str, *, emails: Iterable[str] | None = None
    ) -> FinishedImportJob:
        """Wait for the end of a job and return the result.

        Args:
            job_id: ID of the job.
            emails: Addresses in the job's rows, in lower case; None if not known.
        """
        if emails is not None:
            self._emails[job_id] = frozenset(emails)
        future = self._futures.get(job_id)
        if future is None:
            future = self._futures[job_id] = asyncio.get_running_loop().create_future()
        self._ensure_polling()
        return await asyncio.shield(future)  # other callers may wait for the same job

    async def close(self) -> None:
        """Stop polling and cancel all waiting callers."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        for future in self._futures.values():
            future.cancel()
        self._forget_all()

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
        except Exception as error:  # noqa: BLE001  # raised in the waiting callers
            for future in self._futures.values():
                future.set_exception(error)
            self._forget_all()

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
            self._emails.pop(job_id, None)

    def _forget_all(self) -> None:
        self._futures.clear()
        self._emails.clear()


class JobTrackingClient(KlaviyoApi, Protocol):
    """Client that also tracks import jobs."""

    @property
    def jobs(self) -> ImportJobTracker:
        """Tracker of the client's import jobs."""
        ...


async def fetch_running_import_ids(client: KlaviyoApi) -> frozenset[str]:
    """Fetch the IDs of all queued or processing jobs of the account."""
    result = await fetch_all_pages(client, requests.list_running_imports())
    if not isinstance(result, Accepted):
        raise EngineError(f"import jobs cannot be listed: {result.reason}")
    return frozenset(map(resource_id, resources(result.data)))


async def _fetch_latest(client: KlaviyoApi) -> dict[str, FinishedImportJob | None]:
    """Fetch the hundred latest jobs; a running job maps to None."""
    result = await client.call(requests.list_latest_imports())
    job_resources = resources(result.data) if isinstance(result, Accepted) else ()
    return {resource_id(resource): _parse_job(resource) for resource in job_resources}


async def wait_for_imports(client: JobTrackingClient, job_ids: Iterable[str]) -> None:
    """Wait until none of the given jobs runs, after a takeover of partitions."""
    await asyncio.gather(*map(client.jobs.wait_for_end, job_ids))


async def _fetch_job(client: KlaviyoApi, job_id: str) -> FinishedImportJob | None:
    """Fetch a single job; return None while the job runs."""
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
