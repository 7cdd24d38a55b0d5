"""Suppression, and the number of profiles per consent job."""

import pytest

from tests.streams.sandbox.api import Body, SandboxApi, data
from tests.streams.sandbox.consent_jobs import (
    EMAIL,
    SUBSCRIBE,
    SUPPRESS,
    UNSUBSCRIBE,
    UNSUPPRESS,
    ann_with_consent,
    consent_job,
    get_consent_state,
    seed_suppressed_ann,
)


@pytest.mark.parametrize(
    ("reason", "subscribed", "unsuppressed"),
    [
        pytest.param("UNSUBSCRIBE", False, True, id="unsubscribed"),
        pytest.param("SPAM_COMPLAINT", False, True, id="spam"),
        pytest.param("USER_SUPPRESSED", False, False, id="by-hand"),
        pytest.param("HARD_BOUNCE", True, True, id="bounced"),
        pytest.param("INVALID_EMAIL", True, True, id="invalid"),
    ],
)
async def test_which_suppressions_are_left(
    api: SandboxApi, reason: str, subscribed: bool, unsuppressed: bool
) -> None:
    """Subscribing ends three kinds of suppression, unsuppressing one kind."""
    await seed_suppressed_ann(api, reason)
    kind = UNSUPPRESS

    await api.post(f"/api/{kind}s", consent_job(kind, {"email": EMAIL}))
    by_unsuppress = (await get_consent_state(api))["suppressions"]
    await api.post(
        f"/api/{SUBSCRIBE}s", consent_job(SUBSCRIBE, ann_with_consent("SUBSCRIBED"))
    )
    by_subscribe = (await get_consent_state(api))["suppressions"]

    assert by_unsuppress == [reason] * unsuppressed
    assert by_subscribe == [reason] * subscribed


@pytest.mark.parametrize(
    ("kind", "profile", "limit"),
    [
        pytest.param(SUBSCRIBE, ann_with_consent("SUBSCRIBED"), 1_000, id="subscribe"),
        pytest.param(
            UNSUBSCRIBE, ann_with_consent("UNSUBSCRIBED"), 100, id="unsubscribe"
        ),
        pytest.param(SUPPRESS, {"email": EMAIL}, 100, id="suppress"),
        pytest.param(
            UNSUPPRESS,
            {"email": EMAIL},
            100,
            id="unsuppress",
        ),
    ],
)
async def test_a_request_takes_so_many_profiles(
    api: SandboxApi, kind: str, profile: Body, limit: int
) -> None:
    """A request with one more profile is rejected."""
    fits = await api.post(f"/api/{kind}s", consent_job(kind, profile, count=limit))
    over = await api.post(f"/api/{kind}s", consent_job(kind, profile, count=limit + 1))

    assert (fits.status, over.status) == (202, 400)


async def test_suppressing_a_list_suppresses_its_members(api: SandboxApi) -> None:
    """A job may have a list instead of addresses."""
    people = [{"email": f"u{number}@example.com"} for number in range(3)]
    await api.post("/sandbox/lists", [{"name": "Fans", "members": people}])
    kind = SUPPRESS
    relation = {"list": {"data": {"type": "list", "id": "L00001"}}}

    got = await api.post(f"/api/{kind}s", data(kind, {}, relationships=relation))

    states = (await api.get("/sandbox/consent")).body
    assert got.body["data"]["attributes"]["total_count"] == 3
    assert [state["suppressions"] for state in states] == [["USER_SUPPRESSED"]] * 3


async def test_profiles_are_found_by_their_suppression(api: SandboxApi) -> None:
    """Profiles are found by reason and by time."""
    await seed_suppressed_ann(api, "USER_SUPPRESSED")
    await api.create_profile(email="eve@example.com")
    start = "subscriptions.email.marketing.suppression"
    suppressed = {
        f'equals({start}.reason,"USER_SUPPRESSED")': [EMAIL],
        f'equals({start}.reason,"HARD_BOUNCE")': [],
        f"greater-than({start}.timestamp,2020-01-01)": [EMAIL],
        f"less-than({start}.timestamp,2020-01-01)": [],
    }

    for text, emails in suppressed.items():
        got = await api.get("/api/profiles", filter=text)

        assert [one["attributes"]["email"] for one in got.body["data"]] == emails


@pytest.mark.parametrize(
    ("kind", "profiles"),
    [pytest.param(SUPPRESS, 1, id="suppress"), pytest.param(UNSUPPRESS, 0, id="un")],
)
async def test_only_suppressing_creates_who_is_unknown(
    api: SandboxApi, kind: str, profiles: int
) -> None:
    """An address may be suppressed before a profile has the address."""
    await api.post(f"/api/{kind}s", consent_job(kind, {"email": EMAIL}))

    assert (await api.get("/sandbox/state")).body["profiles"] == profiles


async def test_a_suppression_names_addresses_or_a_list(api: SandboxApi) -> None:
    """A job without addresses and without a list is rejected."""
    got = await api.post(f"/api/{SUPPRESS}s", data(SUPPRESS, {}))

    assert got.status == 400
