"""The right to be forgotten, against the sandbox."""

from typing import Any

import pytest

from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.deletion import delete_profiles
from streams.klaviyo.operations.profiles import upsert_profiles
from streams.klaviyo.payloads.consent_items import DeletionItem
from streams.sandbox import Sandbox
from tests.streams.klaviyo.profile_builders import (
    make_profiles,
    request_count,
    verdict_names,
)

_JOBS = "/api/data-privacy-deletion-jobs"
_PHONE = "+15005550006"


def remaining_ids(klaviyo: Sandbox) -> list[str]:
    """Say who is left."""
    return sorted(str(profile.external_id) for profile in klaviyo.account.profiles)


async def test_defect_22_the_callers_user_id_is_never_klaviyos(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Though it looks like one: somebody else's would be deleted."""
    await upsert_profiles(client, make_profiles(2))
    victim = klaviyo.account.profiles.by_external_id["user-0"].id
    await upsert_profiles(client, [{"external_id": victim}])

    verdicts = await delete_profiles(client, [DeletionItem(external_id=victim)])

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
async def test_whoever_is_named_is_deleted(
    client: KlaviyoClient, klaviyo: Sandbox, item: dict[str, Any]
) -> None:
    """By any identifier, and nobody else."""
    profiles = make_profiles(2)
    profiles[0]["phone_number"] = _PHONE
    await upsert_profiles(client, profiles)

    verdicts = await delete_profiles(client, [DeletionItem(**item)])

    assert verdict_names(verdicts) == ["delivered"]
    assert remaining_ids(klaviyo) == ["user-1"]


async def test_by_klaviyos_id(client: KlaviyoClient, klaviyo: Sandbox) -> None:
    """It is no lookup."""
    await upsert_profiles(client, make_profiles(1))
    (profile,) = klaviyo.account.profiles
    before = request_count(klaviyo)

    verdicts = await delete_profiles(client, [DeletionItem(id=profile.id)])

    assert verdict_names(verdicts) == ["delivered"]
    assert remaining_ids(klaviyo) == []
    assert request_count(klaviyo) - before == 1


async def test_each_item_has_its_own_end(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Unknown, nobody, refused, repeated: in order, and the lookup is one request."""
    await upsert_profiles(client, make_profiles(4))
    items = [
        DeletionItem(external_id="nobody"),
        DeletionItem(),
        DeletionItem(email="no email"),
        DeletionItem(external_id="user-1"),
        DeletionItem(external_id="user-2"),
        DeletionItem(external_id="user-1"),
        DeletionItem(email="\ud800"),
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
