"""A Klaviyo without a network: it does whatever it is asked."""

import pytest

from streams.klaviyo.dry import DryKlaviyo
from streams.klaviyo.items import Item
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lists import create_list, find_list
from streams.klaviyo.lookups import find_ids
from streams.klaviyo.members import add_members, remove_members
from streams.klaviyo.profiles import upsert_profiles
from streams.klaviyo.recorder import Recorder
from tests.judging import Judged
from tests.streams.klaviyo.people import endings, people


@pytest.mark.parametrize("count", [1, 150], ids=["singly", "in-bulk"])
async def test_everything_asked_is_done(count: int) -> None:
    """Imports complete at once, and whoever is looked up is found."""
    klaviyo = Recorder(Judged(DryKlaviyo()))
    some = people(count)

    upserted = await upsert_profiles(klaviyo, some)
    added = await add_members(klaviyo, "L1", some)
    removed = await remove_members(klaviyo, "L1", some)

    for verdicts in (upserted, added, removed):
        assert endings(verdicts) == ["delivered"] * count


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
    """Beside a plain one, so that the values are told apart."""
    klaviyo = Recorder(Judged(DryKlaviyo()))
    items = [
        Item(index=0, profile={"external_id": value}),
        Item(index=1, profile={"external_id": "other"}),
    ]

    found = await find_ids(klaviyo, items, ledger=Ledger(2))

    assert set(found) == {0, 1}
    assert found[0] != found[1]


async def test_a_persons_identifiers_lead_to_one_profile() -> None:
    """Where it is told who is who."""
    names = [("email", "Jane@Example.com"), ("phone_number", "+14155550132")]
    klaviyo = Recorder(Judged(DryKlaviyo([names])))
    items = [
        Item(index=0, profile={"email": "jane@example.com"}),
        Item(index=1, profile={"phone_number": "+14155550132"}),
    ]

    found = await find_ids(klaviyo, items, ledger=Ledger(2))

    assert found[0] == found[1]


async def test_lists_are_created_not_found() -> None:
    """No audience has one yet."""
    klaviyo = Recorder(Judged(DryKlaviyo()))

    assert await find_list(klaviyo, "VIP") is None
    assert isinstance(await create_list(klaviyo, "VIP"), str)
    assert [one.method for one in klaviyo.requests] == ["GET", "POST"]
