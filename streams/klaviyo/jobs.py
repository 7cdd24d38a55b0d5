"""Import jobs followed to their end, many with one call."""

import asyncio
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from streams.errors import EngineError
from streams.klaviyo import requests
from streams.klaviyo.answers import Accepted
from streams.klaviyo.caller import Caller
from streams.klaviyo.pages import all_pages
from streams.klaviyo.responses import attributes_of, id_of, resources

POLL_MIN_S = 0.25
"""First look at a job, when no other was being followed."""

POLL_BUSY_S = 1.0
"""First look when others are followed: 60 calls a minute of the 150 allowed."""

POLL_MAX_S = 5.0
POLL_GROWTH = 1.5


class JobStatus(StrEnum):
    """How a job ended."""

    COMPLETE = "complete"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class JobState(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a job.

    Attributes:
        status: COMPLETE; CANCELLED; UNKNOWN: Klaviyo does not know the job any more.
        failed: Profiles it could not import; None when Klaviyo does not say.
    """

    status: JobStatus
    failed: int | None = None


class ImportJobs:
    """Follows import jobs: one poller, whatever their number.

    Alone, a job is asked for by its id. Of several, the list of the latest jobs is
    asked for; those that are not in it are looked for in the list of running ones, and
    by their ids.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: Caller) -> None:
        self._client = client
        self._waiting: dict[str, asyncio.Future[JobState]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._interval_s = POLL_MIN_S

    async def end_of(self, job_id: str) -> JobState:
        """Wait until a job has ended, and say how."""
        future = self._waiting.get(job_id)
        if future is None:
            future = self._waiting[job_id] = asyncio.get_running_loop().create_future()
        self._wake()
        return await asyncio.shield(future)  # others may wait for the same job

    async def close(self) -> None:
        """Stop following; whoever still waits is cancelled."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()

    def _wake(self) -> None:
        if self._poller is None or self._poller.done():
            self._interval_s = POLL_MIN_S
            self._poller = asyncio.create_task(self._poll(), name="import-jobs")
        else:
            self._interval_s = min(self._interval_s, POLL_BUSY_S)

    async def _poll(self) -> None:
        try:
            while self._waiting:
                await self._client.pause(self._interval_s)
                self._interval_s = min(self._interval_s * POLL_GROWTH, POLL_MAX_S)
                await self._look()
        except Exception as error:  # noqa: BLE001  # handed to whoever waits
            for future in self._waiting.values():
                future.set_exception(error)
            self._waiting.clear()

    async def _look(self) -> None:
        asked = set(self._waiting)
        if len(asked) > 1:
            latest = await _latest(self._client)
            for job_id in asked & latest.keys():
                self._tell(job_id, latest[job_id])
            asked -= latest.keys()
        if len(asked) > 1:
            asked -= await running_imports(self._client)
        for job_id in asked:
            self._tell(job_id, await _state(self._client, job_id))

    def _tell(self, job_id: str, state: JobState | None) -> None:
        if state is not None:
            self._waiting.pop(job_id).set_result(state)


class Follower(Caller, Protocol):
    """A client that follows import jobs."""

    @property
    def jobs(self) -> ImportJobs:
        """The jobs it follows."""
        ...


async def running_imports(client: Caller) -> frozenset[str]:
    """List the jobs that are queued or processing, whoever submitted them."""
    answer = await all_pages(client, requests.running_imports())
    if not isinstance(answer, Accepted):
        raise EngineError(f"import jobs cannot be listed: {answer.reason}")
    return frozenset(map(id_of, resources(answer.data)))


async def _latest(client: Caller) -> dict[str, JobState | None]:
    """List the hundred jobs submitted last; None for those that run."""
    answer = await client.call(requests.latest_imports())
    rows = resources(answer.data) if isinstance(answer, Accepted) else ()
    return {id_of(row): _state_in(row) for row in rows}


async def wait_for_imports(client: Follower, job_ids: Iterable[str]) -> None:
    """Wait until none of these jobs runs: the fence after a takeover."""
    await asyncio.gather(*map(client.jobs.end_of, job_ids))


async def _state(client: Caller, job_id: str) -> JobState | None:
    """Ask for one job; None while it runs."""
    answer = await client.call(requests.import_job(job_id))
    if not isinstance(answer, Accepted):
        return JobState(status=JobStatus.UNKNOWN)
    rows = resources(answer.data)
    return _state_in(rows[0]) if rows else None


def _state_in(row: Mapping[str, Any]) -> JobState | None:
    attributes = attributes_of(row)
    failed = attributes.get("failed_count")
    match attributes.get("status"):
        case "complete":
            return JobState(
                status=JobStatus.COMPLETE,
                failed=failed if isinstance(failed, int) else None,
            )
        case "cancelled":
            return JobState(status=JobStatus.CANCELLED)
        case _:
            return None
