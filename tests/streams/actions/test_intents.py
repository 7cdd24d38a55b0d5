"""Kind, list, lane and person of each intent."""

from typing import Any, get_args

import pytest

from streams.actions.activation import lane_of
from streams.actions.intents import (
    Deletion,
    EventRecord,
    IdChange,
    Intent,
    IntentKind,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
    identifying_attributes,
    intent_kind,
    is_same_person,
    list_id_of,
    person_keys,
)
from streams.klaviyo.execute import OPERATIONS
from streams.settings.model import LaneId
from tests.streams.actions.command_harness import consent

WHO = {"external_id": "u", "email": "a@b.co"}

TABLE: list[tuple[Intent, str, str, LaneId]] = [
    (ProfileUpsert(profile=WHO), "upsert", "", LaneId.PROFILES),
    (ProfileUpsert(profile=WHO, list_id="L"), "add", "L", LaneId.LISTS),
    (ProfileUpsert(profile=WHO, unset=("x",)), "patch", "", LaneId.PROFILES),
    (ProfileUpsert(profile=WHO, append={"x": 1}), "patch", "", LaneId.PROFILES),
    (
        ProfileUpsert(profile=WHO, list_id="L", unappend={"x": 1}),
        "patch",
        "L",
        LaneId.LISTS,
    ),
    (IdChange(profile=WHO, previous_id="p"), "change-id", "", LaneId.PROFILES),
    (ListAdd(list_id="L", profile=WHO), "add", "L", LaneId.LISTS),
    (ListAdd(list_id="", profile=WHO), "add", "", LaneId.LISTS),
    (ListRemove(list_id="L", identifiers=WHO), "remove", "L", LaneId.LISTS),
    (
        EventRecord(metric="M", profile=WHO, properties={}),
        "record",
        "",
        LaneId.EVENTS,
    ),
    (consent(given=True, profile=WHO), "subscribe", "", LaneId.CONSENT),
    (
        consent(given=False, profile=WHO, list_id="L"),
        "unsubscribe",
        "L",
        LaneId.CONSENT,
    ),
    (Suppression(change="suppress", email="a@b.co"), "suppress", "", LaneId.CONSENT),
    (
        Suppression(change="unsuppress", email="a@b.co"),
        "unsuppress",
        "",
        LaneId.CONSENT,
    ),
    (Deletion(identifiers=WHO), "delete", "", LaneId.PRIVACY),
]


@pytest.mark.parametrize(
    ("intent", "kind", "list_id", "lane"),
    [pytest.param(*row, id=f"{row[1]}{index}") for index, row in enumerate(TABLE)],
)
def test_each_intent_has_a_kind_a_list_a_lane_and_a_person(
    intent: Intent, kind: str, list_id: str, lane: LaneId
) -> None:
    """An operation exists for each kind."""
    assert (intent_kind(intent), list_id_of(intent), lane_of(intent)) == (
        kind,
        list_id,
        lane,
    )
    assert kind in OPERATIONS
    assert identifying_attributes(intent)["email"] == "a@b.co"


def test_the_table_holds_every_intent_and_every_operation() -> None:
    """A new intent or operation needs a new row."""
    assert {type(intent) for intent, *_ in TABLE} == {*get_args(Intent)}
    assert {kind for _, kind, *_ in TABLE} == {*OPERATIONS} == {*IntentKind}


def test_every_lane_has_an_intent() -> None:
    """A new lane needs an intent that goes there."""
    assert {lane for *_, lane in TABLE} == {*LaneId}


@pytest.mark.parametrize(
    ("profile", "person"),
    [
        pytest.param(
            {"phone_number": "+1", "email": "a@b.co", "external_id": "u"},
            ("external_id=u", "email=a@b.co", "phone_number=+1"),
            id="the-most-reliable-first",
        ),
        pytest.param({"email": "", "external_id": None}, (), id="all-empty"),
        pytest.param(
            {"anonymous_id": "d", "title": "Dr"}, (), id="a-device-is-no-person"
        ),
    ],
)
def test_keys_of_a_person_are_the_permanent_identifiers(
    profile: dict[str, Any], person: tuple[str, ...]
) -> None:
    """Keys hold the name and the value of an identifier."""
    assert person_keys(ProfileUpsert(profile=profile)) == person


@pytest.mark.parametrize(
    ("identifiers", "other_identifiers", "same"),
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
def test_intents_with_a_common_identifier_are_about_one_person(
    identifiers: dict[str, str], other_identifiers: dict[str, str], same: bool
) -> None:
    """The order of the intents makes no difference."""
    first = ListRemove(list_id="L", identifiers=identifiers)
    second = ListRemove(list_id="L", identifiers=other_identifiers)

    assert is_same_person(first, second) is is_same_person(second, first) is same
