"""Creation and update of profiles, against the sandbox."""

import pytest

from streams.delivery.verdict import Verdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.profiles import (
    BULK_MIN_ITEMS,
    add_members,
)
from streams.klaviyo.operations.upserts import upsert_profiles
from streams.sandbox import Fault, FaultKind, Sandbox
from tests.streams.klaviyo.profile_builders import (
    make_profiles,
    new_list,
    request_count,
    verdict_names,
)


@pytest.mark.parametrize("count", [1, 3, 4, 120])
async def test_upserted_profiles_hold_what_was_sent(
    client: KlaviyoClient, klaviyo: Sandbox, count: int
) -> None:
    """Single requests and bulk imports have the same outcome."""
    profiles = [
        {"email": f"u{n}@x.io", "first_name": f"Jane {n}", "properties": {"n": n}}
        for n in range(count)
    ]

    verdicts = await upsert_profiles(client, profiles)

    assert [verdict.verdict for verdict in verdicts] == [Verdict.DELIVERED] * count
    profiles_by_email = klaviyo.account.profiles.by_email
    assert [profiles_by_email[f"u{n}@x.io"].properties for n in range(count)] == [
        {"n": n} for n in range(count)
    ]


async def test_null_clears_and_absence_keeps(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Null clears an attribute, as Klaviyo's documentation states."""
    await upsert_profiles(
        client, [{"email": "a@b.io", "first_name": "Jane", "last_name": "Doe"}]
    )

    await upsert_profiles(client, [{"email": "a@b.io", "first_name": None}])

    assert klaviyo.account.profiles.by_email["a@b.io"].fields == {"last_name": "Doe"}


async def test_no_profiles_take_no_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """An empty batch leads to no request."""
    assert await upsert_profiles(client, []) == []
    assert not klaviyo.account.request_log.request_counts


async def test_an_outage_in_the_middle_only_delays(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Submission, polling and error listing survive an outage."""
    for path in ("/api/profile-bulk-import-jobs$", "/api/profile-bulk-import-jobs/"):
        klaviyo.add_fault(Fault(kind=FaultKind.SERVER_ERROR, path=path, count=3))

    verdicts = await upsert_profiles(
        client, [{"email": f"u{n}@x.io"} for n in range(9)]
    )

    assert [verdict.verdict for verdict in verdicts] == [Verdict.DELIVERED] * 9
    assert verdicts[0].attempts == 4


@pytest.mark.parametrize(
    ("cleared", "singles"),
    [
        pytest.param({"first_name": None}, 1, id="text"),
        pytest.param({"location": {"city": None}}, 1, id="member-of-the-location"),
        pytest.param({"properties": {"plan": None}}, 1, id="custom-property"),
        pytest.param({"title": None, "last_name": "B"}, 1, id="beside-a-value"),
        pytest.param({"first_name": ""}, 0, id="empty-text"),
        pytest.param({"location": {"city": "Wien"}}, 0, id="location"),
    ],
)
async def test_a_profile_that_clears_an_attribute_is_upserted_singly(
    client: KlaviyoClient, klaviyo: Sandbox, cleared: dict[str, object], singles: int
) -> None:
    """Klaviyo clears nothing in a bulk import, so the others are imported alone."""
    list_id = await new_list(client)
    others = make_profiles(BULK_MIN_ITEMS)
    profile = {"email": "a@b.io", **cleared}

    updated = await upsert_profiles(client, [profile, *others])
    added = await add_members(client, list_id, [*others, profile])

    assert {*verdict_names(updated), *verdict_names(added)} == {"delivered"}
    assert request_count(klaviyo, "POST", "/profile-import") == 2 * singles
    assert request_count(klaviyo, "POST", "/profile-bulk-import-jobs") == 2
    assert len(klaviyo.account.lists.by_id[list_id].members) == BULK_MIN_ITEMS + 1
