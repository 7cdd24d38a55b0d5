"""Additions of list members, against the sandbox."""

from collections.abc import Callable, Sequence

import pytest

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.operations.profiles import add_members, remove_members
from streams.sandbox import Fault, FaultKind, Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock
from tests.streams.klaviyo.profile_builders import (
    make_profiles,
    member_external_ids,
    new_list,
    request_count,
    verdict_names,
)

_JOBS = "/api/profile-bulk-import-jobs$"


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(1, id="one-singly"),
        pytest.param(3, id="three-singly"),
        pytest.param(4, id="four-in-bulk"),
        pytest.param(250, id="many-in-bulk"),
    ],
)
async def test_added_profiles_are_members_when_the_verdicts_are_there(
    client: KlaviyoClient, klaviyo: Sandbox, count: int
) -> None:
    """Delivered profiles are on the list, and no import is running any more."""
    list_id = await new_list(client)

    verdicts = await add_members(client, list_id, make_profiles(count))

    assert verdict_names(verdicts) == ["delivered"] * count
    assert len(member_external_ids(klaviyo, list_id)) == count
    assert klaviyo.account.jobs.running_count == 0


async def test_few_are_added_by_one_relationship_call(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Three profiles need three upserts, one addition and no job."""
    list_id = await new_list(client)

    await add_members(client, list_id, make_profiles(3))

    assert request_count(klaviyo, "POST", "/relationships/profiles") == 1
    assert request_count(klaviyo, "POST", "/api/profile-import") == 3
    assert request_count(klaviyo, "POST", "bulk") == 0


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param({}, id="empty"),
        pytest.param({"first_name": "Jane"}, id="no-identifier"),
        pytest.param({"email": "  "}, id="blank"),
        pytest.param({"email": 7}, id="wrong-type"),
        pytest.param({"email": None}, id="null"),
    ],
)
@pytest.mark.parametrize("operation", [add_members, remove_members])
async def test_a_profile_without_identifier_is_a_dead_letter_without_a_request(
    client: KlaviyoClient,
    profile: dict[str, object],
    operation: Callable[..., object],
) -> None:
    """The valid profile beside the invalid profile goes through."""
    list_id = await new_list(client)
    run = add_members if operation is add_members else remove_members

    verdicts = await run(client, list_id, [profile, *make_profiles(1)])

    assert isinstance(verdicts, list)
    assert verdicts[0] == ItemVerdict(
        verdict=Verdict.DEAD_LETTER, reason="no-identifier", attempts=0
    )
    assert verdicts[1].verdict is not Verdict.DEAD_LETTER


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        pytest.param(
            {"external_id": "p", "email": "not an email"},
            "invalid: Invalid input at /attributes/email",
            id="bad-email",
        ),
        pytest.param(
            {"phone_number": "12"},
            "invalid: Invalid input at /attributes/phone_number",
            id="bad-phone-number",
        ),
        pytest.param(
            {"external_id": "p", "properties": {"x": "y" * 100_001}},
            "profile-too-large: over 100 KB",
            id="too-large",
        ),
        pytest.param(
            {"external_id": "p", "properties": {"x": {1, 2}}},
            "not-json: the profile holds a value that JSON cannot express",
            id="not-json",
        ),
    ],
)
@pytest.mark.parametrize("neighbours", [2, 20])
async def test_an_invalid_item_is_a_dead_letter_and_affects_no_other(
    client: KlaviyoClient,
    klaviyo: Sandbox,
    poison: dict[str, object],
    reason: str,
    neighbours: int,
) -> None:
    """All other profiles are on the list; the reason holds no payload value."""
    list_id = await new_list(client)
    profiles = make_profiles(neighbours)
    profiles.insert(1, poison)

    verdicts = await add_members(client, list_id, profiles)

    assert isinstance(verdicts, list)
    assert verdicts[1].verdict is Verdict.DEAD_LETTER
    assert verdicts[1].reason == reason
    assert verdict_names(verdicts).count("delivered") == neighbours
    assert len(member_external_ids(klaviyo, list_id)) == neighbours


async def test_import_errors_land_on_the_right_record(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The first 150 of 300 fail: two pages of errors, each on its own profile."""
    list_id = await new_list(client)
    klaviyo.add_fault(Fault(kind=FaultKind.IMPORT_ERRORS, items=150, path=_JOBS))

    verdicts = await add_members(client, list_id, make_profiles(300))

    assert verdict_names(verdicts) == ["dead-letter"] * 150 + ["delivered"] * 150
    assert len(member_external_ids(klaviyo, list_id)) == 150


@pytest.mark.parametrize("neighbours", [0, 4], ids=["single", "bulk"])
async def test_a_refused_phone_number_is_left_out_and_named(
    client: KlaviyoClient, klaviyo: Sandbox, neighbours: int
) -> None:
    """A number that Klaviyo refuses does not cost the profile."""
    list_id = await new_list(client)
    bad_phone = {"external_id": "p", "phone_number": "12"}

    verdicts = await add_members(
        client, list_id, [*make_profiles(neighbours), bad_phone]
    )

    assert isinstance(verdicts, list)
    assert verdict_names(verdicts) == ["delivered"] * (neighbours + 1)
    assert verdicts[-1].reason.startswith("phone-refused: invalid: ")
    assert "p" in member_external_ids(klaviyo, list_id)


async def test_a_cancelled_job_is_submitted_again(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The third job adds the profiles after two cancelled jobs; attempts count."""
    list_id = await new_list(client)
    klaviyo.add_fault(Fault(kind=FaultKind.JOB_CANCELLED, count=2, path=_JOBS))

    verdicts = await add_members(client, list_id, make_profiles(5))

    assert verdict_names(verdicts) == ["delivered"] * 5
    assert isinstance(verdicts, list)
    assert {verdict.attempts for verdict in verdicts} == {3}
    assert len(member_external_ids(klaviyo, list_id)) == 5


@pytest.mark.parametrize("count", [2, 10])
async def test_a_list_that_is_gone_is_reported_at_once(
    client: KlaviyoClient, klaviyo: Sandbox, count: int
) -> None:
    """A missing list is no fault of the items, in additions and removals."""
    list_id = await new_list(client)
    await add_members(client, list_id, make_profiles(10))
    klaviyo.account.delete_list(list_id)

    added = await add_members(client, list_id, make_profiles(count))
    removed = await remove_members(client, list_id, make_profiles(count))

    assert added == removed == ListGone(list_id=list_id)


async def test_a_list_deleted_while_its_import_runs_is_reported(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock
) -> None:
    """The import job completes, but its profiles are on no list."""
    list_id = await new_list(client)
    clock.on_sleep = lambda: klaviyo.account.lists.by_id.pop(list_id, None)

    assert await add_members(client, list_id, make_profiles(10)) == ListGone(
        list_id=list_id
    )


async def test_one_profile_twice_goes_in_order(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Six items with the same email need six imports in order; the last wins."""
    list_id = await new_list(client)
    profiles: Sequence[dict[str, object]] = [
        {"email": "jane@example.com", "first_name": f"Jane {n}"} for n in range(6)
    ]

    verdicts = await add_members(client, list_id, profiles, bulk_min_items=1)

    assert verdict_names(verdicts) == ["delivered"] * 6
    profile = klaviyo.account.profiles.by_email["jane@example.com"]
    assert profile.fields["first_name"] == "Jane 5"


@pytest.mark.parametrize("seed", range(5))
async def test_an_import_accepted_without_an_answer_is_outwaited(
    clock: FakeClock, seed: int
) -> None:
    """The unknown job of a cut connection may take longer than the known job."""
    config = SandboxConfig(
        quota_scale=None, clock_s=clock.read, job_jitter_s=60.0, seed=seed
    )
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url
        ) as client,
    ):
        list_id = await new_list(client)
        klaviyo.add_fault(Fault(kind=FaultKind.CUT, method="POST", path=_JOBS, count=1))

        verdicts = await add_members(client, list_id, make_profiles(10))

        assert verdict_names(verdicts) == ["delivered"] * 10
        assert len(klaviyo.account.jobs.by_id) == 2
        assert klaviyo.account.jobs.running_count == 0
