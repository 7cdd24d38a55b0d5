"""Fake client that answers each request with success, without a network."""

import pytest

from streams.klaviyo.batching.items import ProfileItem, VerdictCollector
from streams.klaviyo.fake_client import FakeKlaviyo, RecordingClient
from streams.klaviyo.lookups.lists import create_list, find_list
from streams.klaviyo.lookups.profile_lookup import find_profile_ids
from streams.klaviyo.operations.profiles import (
    add_members,
    remove_members,
)
from streams.klaviyo.operations.upserts import upsert_profiles
from tests.judging import JudgedClient
from tests.streams.klaviyo.profile_builders import make_profiles, verdict_names


@pytest.mark.parametrize("count", [1, 150], ids=["singly", "in-bulk"])
async def test_every_operation_succeeds(count: int) -> None:
    """Imports complete at once, and every lookup finds a profile."""
    klaviyo = RecordingClient(JudgedClient(FakeKlaviyo()))
    profiles = make_profiles(count)

    upserted = await upsert_profiles(klaviyo, profiles)
    added = await add_members(klaviyo, "L1", profiles)
    removed = await remove_members(klaviyo, "L1", profiles)

    for verdicts in (upserted, added, removed):
        assert verdict_names(verdicts) == ["delivered"] * count


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("plain", id="plain"),
        pytest.param('quo"ted', id="quote"),
        pytest.param("back\\slash", id="backslash"),
        pytest.param('a","b', id="like-two"),
        pytest.param("a)b", id="bracket"),
        pytest.param("line\nbreak", id="line-break"),
    ],
)
async def test_an_odd_identifier_is_found_too(value: str) -> None:
    """Special characters beside a plain value keep the values separate."""
    klaviyo = RecordingClient(JudgedClient(FakeKlaviyo()))
    items = [
        ProfileItem(index=0, profile={"external_id": value}),
        ProfileItem(index=1, profile={"external_id": "other"}),
    ]

    profile_ids = await find_profile_ids(klaviyo, items, collector=VerdictCollector(2))

    assert set(profile_ids) == {0, 1}
    assert profile_ids[0] != profile_ids[1]


async def test_a_persons_identifiers_lead_to_one_profile() -> None:
    """The fake client receives the identifiers of each person."""
    names = [("email", "Jane@Example.com"), ("phone_number", "+14155550132")]
    klaviyo = RecordingClient(JudgedClient(FakeKlaviyo([names])))
    items = [
        ProfileItem(index=0, profile={"email": "jane@example.com"}),
        ProfileItem(index=1, profile={"phone_number": "+14155550132"}),
    ]

    profile_ids = await find_profile_ids(klaviyo, items, collector=VerdictCollector(2))

    assert profile_ids[0] == profile_ids[1]


async def test_lists_are_created_not_found() -> None:
    """No audience has a list yet."""
    klaviyo = RecordingClient(JudgedClient(FakeKlaviyo()))

    assert await find_list(klaviyo, "VIP") is None
    assert isinstance(await create_list(klaviyo, "VIP"), str)
    assert [request.endpoint.method for request in klaviyo.requests] == ["GET", "POST"]
