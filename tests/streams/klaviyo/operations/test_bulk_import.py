"""Bulk imports against a server that misbehaves beyond the sandbox's abilities."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web

from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.upserts import upsert_profiles
from tests.streams.klaviyo.fakes import KEY, FakeClock, FakeServer


class FakeImporter:
    """Import endpoint that rejects some profiles without naming any.

    Attributes:
        refuse: Status with which it refuses a submission that holds a bad profile; 0
            when it accepts it and fails the bad ones in the job.
        bad: Emails it dislikes.
        jobs: Emails of each job.
        sizes: Bytes of each submission.
    """

    def __init__(self, *, refuse: int, bad: set[str]) -> None:
        self.refuse = refuse
        self.bad = bad
        self.jobs: list[list[str]] = []
        self.sizes: list[int] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer submissions, and requests for jobs and errors."""
        if request.method == "POST":
            return await self._submit(request)
        if request.path.endswith("/import-errors"):
            return web.json_response({"data": []})
        if request.path.endswith("-jobs"):
            return web.json_response({"data": []})
        job = self.jobs[int(request.path.rpartition("/")[2])]
        failed = len(self.bad.intersection(job))
        attributes = {"status": "complete", "failed_count": failed}
        return web.json_response({"data": {"id": "j", "attributes": attributes}})

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.sizes.append(len(body))
        document = orjson.loads(body)
        profiles = document["data"]["attributes"]["profiles"]["data"]
        emails = [profile["attributes"]["email"] for profile in profiles]
        if self.refuse and self.bad.intersection(emails):
            errors = [{"code": "invalid", "title": "Invalid input."}]
            return web.json_response({"errors": errors}, status=self.refuse)
        self.jobs.append(emails)
        job_id = str(len(self.jobs) - 1)
        return web.json_response({"data": {"id": job_id}}, status=202)


@asynccontextmanager
async def importing(
    importer: FakeImporter, clock: FakeClock
) -> AsyncIterator[KlaviyoClient]:
    """Run the importer, and a client for the importer."""
    async with (
        FakeServer(importer.answer) as server,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=server.url
        ) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("refuse", "reason"),
    [
        pytest.param(400, "invalid: Invalid input", id="refused-without-a-pointer"),
        pytest.param(413, "too-large", id="too-large"),
        pytest.param(0, "import-failed", id="failed-in-the-job-without-an-error"),
    ],
)
async def test_an_unnamed_invalid_profile_is_found_by_bisection(
    clock: FakeClock, refuse: int, reason: str
) -> None:
    """Two of fifty profiles become dead letters; the other profiles are imported."""
    bad = {"u7@x.io", "u31@x.io"}
    importer = FakeImporter(refuse=refuse, bad=bad)

    async with importing(importer, clock) as client:
        verdicts = await upsert_profiles(
            client, [{"email": f"u{n}@x.io"} for n in range(50)]
        )

    dead = {at: verdict.reason for at, verdict in enumerate(verdicts) if verdict.reason}
    assert dead == {7: reason, 31: reason}
    assert len(importer.jobs) <= 24


async def test_submissions_keep_klaviyos_limits(clock: FakeClock) -> None:
    """22,000 profiles of 10 MB make no job over 10,000 profiles or 5 MB."""
    importer = FakeImporter(refuse=0, bad=set())
    profiles = [
        {"email": f"u{n}@x.io", "title": "x" * (1_000 if n < 9_000 else 1)}
        for n in range(22_000)
    ]

    async with importing(importer, clock) as client:
        await upsert_profiles(client, profiles)

    assert sum(map(len, importer.jobs)) == 22_000
    assert max(map(len, importer.jobs)) == 10_000
    assert max(importer.sizes) <= 5_000_000
    assert len(importer.jobs) == 3
