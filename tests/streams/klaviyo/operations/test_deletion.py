"""Deletion of profiles, against the sandbox."""

from typing import Any

import pytest

from streams.actions.intents import Deletion
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.deletion import delete_profiles
from streams.klaviyo.operations.upserts import upsert_profiles
from streams.sandbox import Sandbox
from tests.streams.klaviyo.profile_builders import (
    make_profiles,
    request_count,
    verdict_names,
)

_JOBS = "/api/data-privacy-deletion-jobs"
_PHONE = "+15005550006"


def deletion(**identifiers: str) -> Deletion:
    """Build an intent that deletes a profile."""
    return Deletion(identifiers=identifiers)


def remaining_ids(klaviyo: Sandbox) -> list[str]:
    """Return the external ids of the remaining profiles."""
    return sorted(str(profile.external_id) for profile in klaviyo.account.profiles)


async def test_defect_22_the_callers_user_id_is_never_klaviyos(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A user id that looks like Klaviyo's id deletes no other profile."""
    await upsert_profiles(client, make_profiles(2))
    victim = klaviyo.account.profiles.by_external_id["user-0"].id
    await upsert_profiles(client, [{"external_id": victim}])

    verdicts = await delete_profiles(client, [deletion(external_id=victim)])

    assert verdict_names(verdicts) == ["delivered"]
    assert remaining_ids(klaviyo) == ["user-0", "user-1"]


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({"email": "User+0@example.com"}, id="email"),
        pytest.param({"phone_number": _PHONE}, id="phone-number"),
        pytest.param({"external_id": "user-0"}, id="external-id"),
        pytest.param(
            {"email": "user+0@example.com", "external_id": "user-1"},
            id="exactly-one-is-sent",
        ),
        pytest.param({"email": " ", "external_id": "user-0"}, id="blank-is-absent"),
    ],
)
async def test_any_identifier_deletes_exactly_one_profile(
    client: KlaviyoClient, klaviyo: Sandbox, item: dict[str, Any]
) -> None:
    """Any identifier selects exactly one profile."""
    profiles = make_profiles(2)
    profiles[0]["phone_number"] = _PHONE
    await upsert_profiles(client, profiles)

    verdicts = await delete_profiles(client, [deletion(**item)])

    assert verdict_names(verdicts) == ["delivered"]
    assert remaining_ids(klaviyo) == ["user-1"]


async def test_klaviyos_id_needs_no_lookup(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo's id needs no lookup."""
    await upsert_profiles(client, make_profiles(1))
    (profile,) = klaviyo.account.profiles
    before = request_count(klaviyo)

    verdicts = await delete_profiles(client, [deletion(profile_id=profile.id)])

    assert verdict_names(verdicts) == ["delivered"]
    assert remaining_ids(klaviyo) == []
    assert request_count(klaviyo) - before == 1


async def test_each_deletion_has_its_own_verdict(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Unknown, empty, rejected and duplicate deletions keep the order."""
    await upsert_profiles(client, make_profiles(4))
    items = [
        deletion(external_id="nobody"),
        deletion(),
        deletion(email="no email"),
        deletion(external_id="user-1"),
        deletion(external_id="user-2"),
        deletion(external_id="user-1"),
        deletion(email="\ud800"),
    ]

    verdicts = await delete_profiles(client, items)

    assert verdict_names(verdicts) == [
        "discarded",
        "dead-letter",
        "dead-letter",
        "delivered",
        "delivered",
        "discarded",
        "dead-letter",
    ]
    reasons = [verdicts[index].reason for index in (0, 1, 5)]
    assert reasons == ["no-such-profile", "no-identifier", "duplicate"]
    assert remaining_ids(klaviyo) == ["user-0", "user-3"]
    assert request_count(klaviyo, "GET", "/api/profiles") == 1
    assert request_count(klaviyo, "POST", _JOBS) == 3
