"""Intents by what does them, by their list, and by whom they are about."""

from typing import Any, get_args

import pytest

from streams.actions.activation import Lane, lane_of
from streams.actions.intents import (
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)
from streams.actions.kinds import (
    kind_of,
    list_of,
    named_by,
    person_of,
    same_person,
)
from streams.klaviyo.carriers import CARRIERS
from streams.settings.model import LANES
from tests.streams.actions.commanding import consent

WHO = {"external_id": "u", "email": "a@b.co"}

TABLE: list[tuple[Intent, str, str, Lane]] = [
    (ProfileUpsert(profile=WHO), "upsert", "", Lane.PROFILES),
    (ProfileUpsert(profile=WHO, list_id="L"), "add", "L", Lane.LISTS),
    (ProfileUpsert(profile=WHO, unset=("x",)), "patch", "", Lane.PROFILES),
    (ProfileUpsert(profile=WHO, append={"x": 1}), "patch", "", Lane.PROFILES),
    (
        ProfileUpsert(profile=WHO, list_id="L", unappend={"x": 1}),
        "patch",
        "L",
        Lane.LISTS,
    ),
    (ListAdd(list_id="L", profile=WHO), "add", "L", Lane.LISTS),
    (ListAdd(list_id="", profile=WHO), "add", "", Lane.LISTS),
    (ListRemove(list_id="L", identifiers=WHO), "remove", "L", Lane.LISTS),
    (
        EventRecord(metric="M", profile=WHO, properties={}),
        "record",
        "",
        Lane.EVENTS,
    ),
    (consent(given=True, profile=WHO), "subscribe", "", Lane.CONSENT),
    (
        consent(given=False, profile=WHO, list_id="L"),
        "unsubscribe",
        "L",
        Lane.CONSENT,
    ),
    (Suppression(change="suppress", email="a@b.co"), "suppress", "", Lane.CONSENT),
    (
        Suppression(change="unsuppress", email="a@b.co"),
        "unsuppress",
        "",
        Lane.CONSENT,
    ),
    (Deletion(identifiers=WHO), "delete", "", Lane.PRIVACY),
]


@pytest.mark.parametrize(
    ("intent", "kind", "list_id", "lane"),
    [pytest.param(*row, id=f"{row[1]}{at}") for at, row in enumerate(TABLE)],
)
def test_each_intent_has_a_kind_a_list_a_lane_and_a_person(
    intent: Intent, kind: str, list_id: str, lane: Lane
) -> None:
    """The kind is one that something carries."""
    assert (kind_of(intent), list_of(intent), lane_of(intent)) == (kind, list_id, lane)
    assert kind in CARRIERS
    assert named_by(intent)["email"] == "a@b.co"


def test_the_table_holds_every_kind_of_intent_and_every_carrier() -> None:
    """None is forgotten when one is added."""
    assert {type(intent) for intent, *_ in TABLE} == {*get_args(Intent)}
    assert {kind for _, kind, *_ in TABLE} == {*CARRIERS}


def test_every_lane_carries_something_and_can_be_chosen() -> None:
    """In the settings, by the same name."""
    assert {lane for *_, lane in TABLE} == {*Lane}
    assert [*LANES] == [lane.value for lane in Lane]


@pytest.mark.parametrize(
    ("profile", "person"),
    [
        pytest.param(
            {"phone_number": "+1", "email": "a@b.co", "external_id": "u"},
            ("external_id=u", "email=a@b.co", "phone_number=+1"),
            id="the-most-telling-first",
        ),
        pytest.param({"email": "", "external_id": None}, (), id="nothing-told"),
        pytest.param(
            {"anonymous_id": "d", "title": "Dr"}, (), id="a-device-is-no-person"
        ),
    ],
)
def test_what_names_a_person_for_good(
    profile: dict[str, Any], person: tuple[str, ...]
) -> None:
    """Name and value of each."""
    assert person_of(ProfileUpsert(profile=profile)) == person


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({"email": "a"}, {"email": "a", "external_id": "u"}, True, id="of"),
        pytest.param({"email": "a"}, {"email": "b"}, False, id="two-addresses"),
        pytest.param({"email": "a"}, {"phone_number": "a"}, False, id="two-names"),
        pytest.param(
            {"anonymous_id": "d", "email": "a"},
            {"anonymous_id": "d", "email": "b"},
            False,
            id="two-people-behind-one-device",
        ),
        pytest.param({"anonymous_id": "d"}, {"anonymous_id": "d"}, True, id="a-device"),
        pytest.param({"anonymous_id": "d"}, {"anonymous_id": "e"}, False, id="devices"),
        pytest.param(
            {"anonymous_id": "d"},
            {"anonymous_id": "d", "email": "a"},
            False,
            id="a-device-and-somebody-behind-it",
        ),
    ],
)
def test_one_person_is_who_shares_an_identifier(
    one: dict[str, str], other: dict[str, str], same: bool
) -> None:
    """Whichever of the two is asked first."""
    first = ListRemove(list_id="L", identifiers=one)
    second = ListRemove(list_id="L", identifiers=other)

    assert same_person(first, second) is same_person(second, first) is same
