"""Import jobs run in the background: queued, processing, complete or cancelled."""

import pytest

from streams.sandbox import Fault, FaultKind, Sandbox, SandboxConfig
from tests.streams.sandbox.api import (
    WRONG_REQUEST,
    Body,
    ManualClock,
    SandboxApi,
    data,
    import_job,
)

JOBS = "/api/profile-bulk-import-jobs"
ANN: Body = {"email": "ann@example.com"}


async def _submitted(api: SandboxApi, body: Body) -> str:
    got = await api.post(JOBS, body)
    job: str = got.body["data"]["id"]
    return job


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        pytest.param(0.0, ("queued", 0), id="at-once"),
        pytest.param(0.9, ("queued", 0), id="still-waiting"),
        pytest.param(1.0, ("processing", 0), id="begun"),
        pytest.param(4.9, ("processing", 0), id="not-yet-applied"),
        pytest.param(5.0, ("complete", 1), id="ended"),
    ],
)
async def test_a_job_is_applied_when_it_completes(
    api: SandboxApi,
    klaviyo: Sandbox,
    clock: ManualClock,
    after_s: float,
    expected: tuple[str, int],
) -> None:
    """No effect of a job is visible before the end of the job."""
    job = await _submitted(api, import_job(ANN))

    clock.now_s += after_s
    got = await api.get(f"{JOBS}/{job}")

    status = got.body["data"]["attributes"]["status"]
    assert (status, len(klaviyo.account.profiles)) == expected


async def test_a_job_joins_its_profiles_to_its_lists(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Duplicates inside a job become one member."""
    fans = await api.create_list("Fans")
    again = {"email": "ANN@example.com", "first_name": "Ann"}
    await _submitted(api, import_job(ANN, {"external_id": "b"}, again, lists=(fans,)))

    clock.now_s += 5
    changes = klaviyo.account.lists.by_id[fans].changes

    assert len(klaviyo.account.lists.by_id[fans].members) == 2
    assert (changes.add_requests, changes.adds, changes.effective_adds) == (1, 3, 2)


async def test_a_cancelled_job_applies_nothing(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """A cancelled job was accepted, but has no effect."""
    klaviyo.add_fault(Fault(kind=FaultKind.JOB_CANCELLED, count=1))
    job = await _submitted(api, import_job(ANN))

    clock.now_s += 5
    got = await api.get(f"{JOBS}/{job}")

    assert got.body["data"]["attributes"]["status"] == "cancelled"
    assert len(klaviyo.account.profiles) == 0


async def test_partial_errors_name_what_was_sent(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Valid profiles are imported; each error has a pointer and the payload."""
    klaviyo.add_fault(Fault(kind=FaultKind.IMPORT_ERRORS, items=2))
    people = [{"external_id": f"u{number}"} for number in range(5)]
    job = await _submitted(api, import_job(*people))

    clock.now_s += 5
    errors = (await api.get(f"{JOBS}/{job}/import-errors")).body["data"]
    counts = (await api.get(f"{JOBS}/{job}")).body["data"]["attributes"]

    assert [one["attributes"]["original_payload"]["external_id"] for one in errors] == [
        "u0",
        "u1",
    ]
    assert errors[1]["attributes"]["source"] == {
        "pointer": "/data/attributes/profiles/data/1"
    }
    assert (counts["completed_count"], counts["failed_count"]) == (3, 2)


async def test_a_job_fault_waits_for_a_job_that_is_accepted(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Other requests, and a rejected submission, do not use the fault up."""
    fault = klaviyo.add_fault(Fault(kind=FaultKind.JOB_CANCELLED, count=1))
    await api.get("/api/lists")
    klaviyo.add_fault(Fault(kind=FaultKind.THROTTLED, count=1))
    await api.post(JOBS, import_job(ANN))
    await api.post(JOBS, import_job({"email": "nope"}))
    before = fault.affected_count

    await api.post(JOBS, import_job(ANN))

    assert (before, fault.affected_count) == (0, 1)


async def test_identifiers_of_two_profiles_are_an_import_error(
    api: SandboxApi, clock: ManualClock
) -> None:
    """In bulk, a conflict is detected while processing, not at submission."""
    await api.create_profile(email="ann@example.com", external_id="ann")
    await api.create_profile(external_id="bob")
    job = await _submitted(api, import_job({**ANN, "external_id": "bob"}))

    clock.now_s += 5
    errors = (await api.get(f"{JOBS}/{job}/import-errors")).body["data"]

    assert [one["attributes"]["code"] for one in errors] == ["duplicate_profile"]


@WRONG_REQUEST
async def test_one_faulty_profile_refuses_the_whole_submit(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """A submission is accepted completely or rejected with all errors."""
    people = [ANN, {"email": "nope"}, {"external_id": "x", "shoe": 1}, {"title": "Dr"}]

    got = await api.post(JOBS, import_job(*people))
    clock.now_s += 5

    start = "/data/attributes/profiles/data"
    assert got.status == 400
    assert got.pointers == [
        f"{start}/1/attributes/email",
        f"{start}/2/attributes/shoe",
        f"{start}/3/attributes",
    ]
    assert len(klaviyo.account.profiles) == 0


@pytest.mark.parametrize(
    ("people", "status"),
    [
        pytest.param(0, 400, id="none"),
        pytest.param(10_000, 202, id="ten-thousand"),
        pytest.param(10_001, 400, id="one-more"),
    ],
)
async def test_a_job_takes_ten_thousand_profiles(
    api: SandboxApi, people: int, status: int
) -> None:
    """The documented limit of profiles is enforced."""
    body = import_job(*({"external_id": f"u{number}"} for number in range(people)))

    got = await api.post(JOBS, body)

    assert got.status == status


async def test_a_body_over_five_megabytes_is_too_large(api: SandboxApi) -> None:
    """The limit of the body holds for few profiles too."""
    people = [
        {"external_id": f"u{number}", "title": "x" * 90_000} for number in range(56)
    ]

    got = await api.post(JOBS, import_job(*people))

    assert (got.status, got.error["code"]) == (413, "payload_too_large")


async def test_a_profile_over_a_hundred_kilobytes_is_refused(api: SandboxApi) -> None:
    """One profile has a limit, inside a body that is small enough."""
    people = [ANN, {"external_id": "u", "title": "x" * 100_000}]

    got = await api.post(JOBS, import_job(*people))

    assert (got.status, got.pointers) == (400, ["/data/attributes/profiles/data/1"])


async def test_an_unknown_list_is_not_found(api: SandboxApi) -> None:
    """A job with an unknown list is not accepted."""
    got = await api.post(JOBS, import_job(ANN, lists=("L99999",)))

    assert (got.status, got.pointers) == (
        404,
        ["/data/relationships/lists/data/0/id"],
    )


async def test_a_list_deleted_meanwhile_takes_no_one_in(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """The profiles are imported although the list was deleted."""
    fans = await api.create_list("Fans")
    await _submitted(api, import_job(ANN, lists=(fans,)))
    await api.call("DELETE", f"/sandbox/lists/{fans}")

    clock.now_s += 5

    assert [profile.lists for profile in klaviyo.account.profiles] == [set()]


@pytest.mark.parametrize(
    ("condition", "job_ids"),
    [
        pytest.param('equals(status,"queued")', ["J0000003"], id="equals"),
        pytest.param(
            'any(status,["queued","processing"])',
            ["J0000002", "J0000003"],
            id="any",
        ),
        pytest.param('equals(status,"complete")', ["J0000001"], id="complete"),
        pytest.param("equals(status,'cancelled')", [], id="none"),
    ],
)
async def test_jobs_are_listed_by_status(
    api: SandboxApi, clock: ManualClock, condition: str, job_ids: list[str]
) -> None:
    """One call polls all running jobs."""
    for wait_s in (3.5, 1.5, 0.0):
        await _submitted(api, import_job(ANN))
        clock.now_s += wait_s

    got = await api.get(JOBS, filter=condition, page__size="100")

    assert got.ids == job_ids


async def test_a_later_job_may_overtake(clock: ManualClock) -> None:
    """With jitter two jobs end in an order that the seed decides."""
    config = SandboxConfig(quota_scale=None, job_jitter_s=100.0, seed=0, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        for name in ("first", "second"):
            await api.post(JOBS, import_job({**ANN, "first_name": name}))
        clock.now_s += 200
        (ann,) = klaviyo.account.profiles
        ends = [job.ends_s for job in klaviyo.account.jobs.by_id.values()]

    assert ends[0] > ends[1]
    assert ann.fields["first_name"] == "first"


async def test_a_job_that_is_not_there_is_not_found(api: SandboxApi) -> None:
    """Polling an unknown job is a 404, not an empty response."""
    got = await api.get(f"{JOBS}/J7777777")

    assert got.status == 404


async def test_the_profiles_of_a_job_come_in_pages(
    api: SandboxApi, clock: ManualClock
) -> None:
    """The default page has twenty profiles."""
    people = [{"external_id": f"u{number}"} for number in range(45)]
    job = await _submitted(api, import_job(*people))
    clock.now_s += 5

    pages = await api.pages(f"{JOBS}/{job}/relationships/profiles")

    assert [len(page.ids) for page in pages] == [20, 20, 5]
    assert len({one for page in pages for one in page.ids}) == 45


@WRONG_REQUEST
async def test_a_job_of_the_wrong_type_is_refused(api: SandboxApi) -> None:
    """The JSON:API type of the resource is checked."""
    got = await api.post(JOBS, data("profile", {"profiles": {"data": []}}))

    assert (got.status, got.pointers) == (400, ["/data/type"])
