"""Following import jobs, against the sandbox."""

import asyncio

import pytest

from streams.klaviyo.api import requests
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.import_jobs import (
    FinishedImportJob,
    ImportJobStatus,
    fetch_running_import_ids,
    wait_for_imports,
)
from streams.klaviyo.api.responses import single_resource_id
from streams.klaviyo.api.results import Accepted
from streams.sandbox import Fault, FaultKind, Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock

_JOBS = "/api/profile-bulk-import-jobs"


async def submit_jobs(client: KlaviyoClient, count: int = 1) -> list[str]:
    """Submit import jobs and return the job IDs."""
    body = b'{"type":"profile","attributes":{"email":"a@b.io"}}'
    results = [
        await client.call(requests.import_profiles([body])) for _ in range(count)
    ]
    return [
        single_resource_id(answer.data)
        for answer in results
        if isinstance(answer, Accepted)
    ]


def count_polls(klaviyo: Sandbox) -> int:
    """Count the requests that asked for jobs."""
    counts = klaviyo.account.request_log.request_counts
    return sum(n for (m, p, _), n in counts.items() if m == "GET" and _JOBS in p)


async def test_the_end_of_a_job_reaches_all_waiting_callers(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Ten waiting callers share a single poller."""
    (job_id,) = await submit_jobs(client)

    states = await asyncio.gather(
        *(client.jobs.wait_for_end(job_id) for _ in range(10))
    )

    assert set(states) == {
        FinishedImportJob(status=ImportJobStatus.COMPLETE, failed_count=0)
    }
    assert count_polls(klaviyo) <= 3


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        pytest.param(
            Fault(kind=FaultKind.JOB_CANCELLED, path=_JOBS),
            FinishedImportJob(status=ImportJobStatus.CANCELLED),
            id="cancelled",
        ),
        pytest.param(
            Fault(kind=FaultKind.IMPORT_ERRORS, path=_JOBS),
            FinishedImportJob(status=ImportJobStatus.COMPLETE, failed_count=1),
            id="with-errors",
        ),
    ],
)
async def test_how_a_job_ended_is_told(
    client: KlaviyoClient, klaviyo: Sandbox, fault: Fault, state: FinishedImportJob
) -> None:
    """Cancelled is not complete."""
    klaviyo.add_fault(fault)
    (job_id,) = await submit_jobs(client)

    assert await client.jobs.wait_for_end(job_id) == state


async def test_a_job_klaviyo_does_not_know_has_ended(client: KlaviyoClient) -> None:
    """Callers do not wait for ever for an unknown job."""
    assert await client.jobs.wait_for_end("lost") == FinishedImportJob(
        status=ImportJobStatus.UNKNOWN
    )


async def test_many_jobs_are_polled_together(clock: FakeClock) -> None:
    """A single listing per poll covers a hundred long jobs."""
    config = SandboxConfig(quota_scale=None, job_s=30.0, clock_s=clock.read)
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url, quota_scale=100
        ) as client,
    ):
        job_ids = await submit_jobs(client, 100)

        states = await asyncio.gather(*map(client.jobs.wait_for_end, job_ids))

        assert (
            states
            == [FinishedImportJob(status=ImportJobStatus.COMPLETE, failed_count=0)]
            * 100
        )
        assert count_polls(klaviyo) <= 20


async def test_jobs_that_are_not_among_the_latest_are_followed_too(
    clock: FakeClock,
) -> None:
    """Older jobs cost a listing of running jobs, and a request at the end."""
    config = SandboxConfig(quota_scale=None, job_s=30.0, clock_s=clock.read)
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url, quota_scale=100
        ) as client,
    ):
        job_ids = await submit_jobs(client, 130)

        states = await asyncio.gather(*map(client.jobs.wait_for_end, job_ids))

        assert (
            states
            == [FinishedImportJob(status=ImportJobStatus.COMPLETE, failed_count=0)]
            * 130
        )
        assert count_polls(klaviyo) <= 70


async def test_running_imports_are_listed_over_all_pages(clock: FakeClock) -> None:
    """Jobs that have ended are not listed."""
    config = SandboxConfig(quota_scale=None, clock_s=clock.read, job_s=600.0)
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url
        ) as client,
    ):
        ended = await submit_jobs(client, 2)
        await wait_for_imports(client, ended)
        job_ids = await submit_jobs(client, 130)

        running = await fetch_running_import_ids(client)

    assert set(job_ids) <= running
    assert not set(ended) & running


async def test_the_fence_waits_until_none_of_the_jobs_runs(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The wait also covers jobs of other submitters."""
    await submit_jobs(client, 3)
    running = await fetch_running_import_ids(client)

    await wait_for_imports(client, running)

    assert running
    assert klaviyo.account.jobs.running_count == 0


async def test_the_fence_passes_at_once_when_nothing_runs(
    client: KlaviyoClient, clock: FakeClock
) -> None:
    """No wait without a reason."""
    await wait_for_imports(client, frozenset())

    assert clock.elapsed_s == 0


async def test_a_waiter_that_gives_up_does_not_take_the_others_with_it(
    client: KlaviyoClient,
) -> None:
    """Cancelling a caller does not cancel the other callers."""
    (job_id,) = await submit_jobs(client)
    first = asyncio.create_task(client.jobs.wait_for_end(job_id))
    second = asyncio.create_task(client.jobs.wait_for_end(job_id))
    await asyncio.sleep(0)

    first.cancel()

    assert (await second).status is ImportJobStatus.COMPLETE


async def test_closing_ends_the_wait(client: KlaviyoClient) -> None:
    """Closing the tracker cancels all waiting callers."""
    waiting = asyncio.create_task(client.jobs.wait_for_end("lost"))
    await asyncio.sleep(0)

    await client.jobs.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
