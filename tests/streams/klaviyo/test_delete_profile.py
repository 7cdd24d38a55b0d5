"""The right to be forgotten, against the sandbox."""

from typing import Any

import pytest

from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.consent_items import DeletionItem
from streams.klaviyo.privacy import delete_profile
from streams.klaviyo.profiles import upsert_profiles
from streams.sandbox import Sandbox
from tests.streams.klaviyo.people import endings, people, requested

_JOBS = "/api/data-privacy-deletion-jobs"
_PHONE = "+15005550006"


def left(klaviyo: Sandbox) -> list[str]:
    """Say who is left."""
    return sorted(str(profile.external_id) for profile in klaviyo.state.profiles)


async def test_defect_22_the_callers_user_id_is_never_klaviyos(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Though it looks like one: somebody else's would be deleted."""
    await upsert_profiles(client, people(2))
    victim = klaviyo.state.profiles.by_external_id["user-0"].id
    await upsert_profiles(client, [{"external_id": victim}])

    verdicts = await delete_profile(client, [DeletionItem(external_id=victim)])

    assert endings(verdicts) == ["delivered"]
    assert left(klaviyo) == ["user-0", "user-1"]


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
    known = people(2)
    known[0]["phone_number"] = _PHONE
    await upsert_profiles(client, known)

    verdicts = await delete_profile(client, [DeletionItem(**item)])

    assert endings(verdicts) == ["delivered"]
    assert left(klaviyo) == ["user-1"]


async def test_by_klaviyos_id(client: KlaviyoClient, klaviyo: Sandbox) -> None:
    """It is no lookup."""
    await upsert_profiles(client, people(1))
    (profile,) = klaviyo.state.profiles
    before = requested(klaviyo)

    verdicts = await delete_profile(client, [DeletionItem(id=profile.id)])

    assert endings(verdicts) == ["delivered"]
    assert left(klaviyo) == []
    assert requested(klaviyo) - before == 1


async def test_each_item_has_its_own_end(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Unknown, nobody, refused, repeated: in order, and the lookup is one request."""
    await upsert_profiles(client, people(4))
    items = [
        DeletionItem(external_id="nobody"),
        DeletionItem(),
        DeletionItem(email="no email"),
        DeletionItem(external_id="user-1"),
        DeletionItem(external_id="user-2"),
        DeletionItem(external_id="user-1"),
        DeletionItem(email="\ud800"),
    ]

    verdicts = await delete_profile(client, items)

    assert endings(verdicts) == [
        "discarded",
        "dead-letter",
        "dead-letter",
        "delivered",
        "delivered",
        "discarded",
        "dead-letter",
    ]
    reasons = [verdicts[at].reason for at in (0, 1, 5)]
    assert reasons == ["no-such-profile", "no-identifier", "repeat"]
    assert left(klaviyo) == ["user-0", "user-3"]
    assert requested(klaviyo, "GET", "/api/profiles") == 1
    assert requested(klaviyo, "POST", _JOBS) == 3
