"""Tests of whom the presets name, by where libraries put a person's address."""

from functools import cache
from typing import Any

import pytest

from streams.actions.intents import Intent, PayloadRefusal
from streams.actions.registry import ACTIONS
from streams.destination.loader import compile_destination, standalone_rule
from streams.destination.model import MappingRule
from streams.destination.presets import PRESETS
from streams.events.identifiers import DEFAULT_CONTACT_RULES

EMAIL = "a@b.co"
PHONE = "+14155550132"
EXTERNAL_ID = {"id": EMAIL, "type": "email", "collection": "users", "encoding": "none"}
DEVICE_ID = {"id": "D-1", "type": "ios.idfa", "collection": "users", "encoding": "none"}

IN_CONTEXT = {"context": {"traits": {"email": EMAIL}}}
IN_EXTERNAL_IDS = {"context": {"externalIds": [DEVICE_ID, EXTERNAL_ID]}}
IN_TRAITS = {"traits": {"email": EMAIL}}
IN_PROPERTIES = {"properties": {"email": EMAIL}}

SOURCES = [
    pytest.param(IN_CONTEXT, id="context-traits"),
    pytest.param(IN_EXTERNAL_IDS, id="engage"),
    pytest.param(IN_TRAITS, id="traits"),
    pytest.param(IN_PROPERTIES, id="properties"),
    pytest.param(
        {**IN_PROPERTIES, "context": {"traits": {"email": ""}}}, id="beside-empty-text"
    ),
    pytest.param(
        {**IN_PROPERTIES, "context": {"traits": {"email": None}}}, id="beside-null"
    ),
    pytest.param(
        {**IN_PROPERTIES, "context": {"traits": {"email": False}}}, id="beside-false"
    ),
    pytest.param(
        {**IN_PROPERTIES, "context": {"traits": {"email": "n/a"}}}, id="beside-junk"
    ),
    pytest.param(
        {**IN_PROPERTIES, "context": {"externalIds": [DEVICE_ID]}}, id="beside-a-device"
    ),
]


@cache
def default_rule(action: str) -> MappingRule:
    """Compile the default mapping of an action, once."""
    return standalone_rule(action)


def mapped(action: str, event: dict[str, Any]) -> Intent | PayloadRefusal:
    """Return the first result of an action with its default mapping."""
    fields = {"list_id": "L"} if "List" in action or action == "removeProfile" else None
    rule = default_rule(action)
    payload = {**rule.build_payload(event), **(fields or {})}
    result = rule.action.to_intents(payload, rules=DEFAULT_CONTACT_RULES)
    return result if isinstance(result, PayloadRefusal) else result[0]


def person_of(intent: Intent | PayloadRefusal) -> dict[str, Any]:
    """Return the identifiers of an intent."""
    assert not isinstance(intent, PayloadRefusal), intent
    for name in ("profile", "identifiers"):
        if person := getattr(intent, name, None):
            return dict(person)
    return {"email": getattr(intent, "email", "")}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "action",
    [
        "trackEvent",
        "orderCompleted",
        "addProfileToList",
        "removeProfileFromList",
        "subscribeProfile",
        "unsubscribeProfile",
        "suppressProfile",
        "unsuppressProfile",
    ],
)
def test_a_track_call_names_the_address_wherever_it_is(
    action: str, source: dict[str, Any]
) -> None:
    """Segment, Engage, RudderStack and mobile libraries differ in the place."""
    event = {"type": "track", "event": "X", "properties": {}, **source}

    assert person_of(mapped(action, event))["email"] == EMAIL


@pytest.mark.parametrize(
    "source",
    [
        source
        for source in SOURCES
        if source.id in {"context-traits", "engage", "traits"}
    ],
)
@pytest.mark.parametrize("action", ["upsertProfile", "removeProfile"])
def test_an_identify_call_names_the_address_wherever_it_is(
    action: str, source: dict[str, Any]
) -> None:
    """The properties of an identify call are custom properties, nobody's address."""
    event = {"type": "identify", **source}

    assert person_of(mapped(action, event))["email"] == EMAIL


@pytest.mark.parametrize(
    ("event", "email"),
    [
        pytest.param(
            {**IN_CONTEXT, "traits": {"email": "t@b.co"}}, EMAIL, id="context"
        ),
        pytest.param(
            {**IN_EXTERNAL_IDS, "traits": {"email": "t@b.co"}}, EMAIL, id="engage"
        ),
        pytest.param(
            {**IN_TRAITS, "properties": {"email": "p@b.co"}}, EMAIL, id="traits"
        ),
        pytest.param(
            {"context": {"traits": {"email": EMAIL}, "externalIds": [{}]}},
            EMAIL,
            id="odd-external-id",
        ),
        pytest.param({"context": {"externalIds": EXTERNAL_ID}}, None, id="no-list"),
        pytest.param({}, None, id="none"),
    ],
)
def test_the_most_reliable_address_of_an_event_counts(
    event: dict[str, Any], email: str | None
) -> None:
    """Traits in the context are the person's, properties may be anybody's."""
    body = {"type": "track", "event": "X", "userId": "u", "properties": {}, **event}

    assert person_of(mapped("trackEvent", body)).get("email") == email


@pytest.mark.parametrize(
    ("event", "profile"),
    [
        pytest.param({}, {"external_id": "u"}, id="none"),
        pytest.param(IN_PROPERTIES, {"external_id": "u", "email": EMAIL}, id="text"),
        pytest.param(
            IN_EXTERNAL_IDS, {"external_id": "u", "email": EMAIL}, id="external-id"
        ),
        pytest.param(
            {"context": {"traits": None}}, {"external_id": "u"}, id="null-traits"
        ),
        pytest.param(
            {"properties": {"email": "n/a"}},
            {"external_id": "u", "email": [None, None, None, "n/a"]},
            id="junk-is-shown",
        ),
    ],
)
def test_a_payload_shows_the_address_that_counts(
    event: dict[str, Any], profile: dict[str, Any]
) -> None:
    """People read payloads in `explain`, and batch keys are made of them."""
    body = {"type": "track", "event": "X", "userId": "u", "properties": {}, **event}

    result = default_rule("trackEvent").apply(body, rules=DEFAULT_CONTACT_RULES)

    assert result.payload["profile"] == profile


@pytest.mark.parametrize("action", ["trackEvent", "orderCompleted"])
@pytest.mark.parametrize(
    "email",
    [
        pytest.param("n/a", id="text"),
        pytest.param(False, id="false"),
        pytest.param(0, id="zero"),
        pytest.param({}, id="object"),
        pytest.param("a@b", id="no-domain"),
    ],
)
def test_a_bad_address_costs_no_event_of_a_known_user(
    action: str, email: object
) -> None:
    """The address is left out and named, and the event recorded for the user id."""
    event = {
        "type": "track",
        "event": "X",
        "userId": "u",
        "properties": {"email": email},
    }

    intent = mapped(action, event)

    assert person_of(intent) == {"external_id": "u"}
    assert not isinstance(intent, PayloadRefusal)
    assert intent.dropped == ("bad-email",)


@pytest.mark.parametrize(
    ("event", "person"),
    [
        pytest.param({"userId": "u"}, {"external_id": "u"}, id="user-id"),
        pytest.param({**IN_TRAITS}, {"email": EMAIL}, id="email"),
        pytest.param({}, {"phone_number": PHONE}, id="alone"),
        pytest.param(
            {"anonymousId": "x"},
            {"phone_number": PHONE, "anonymous_id": "x"},
            id="device",
        ),
        pytest.param(
            {"userId": ""}, {"phone_number": PHONE}, id="empty-user-id-of-rudderstack"
        ),
    ],
)
@pytest.mark.parametrize("name", ["phone", "phone_number"])
def test_a_phone_number_never_stands_beside_a_stronger_identifier(
    name: str, event: dict[str, Any], person: dict[str, str]
) -> None:
    """Klaviyo would give the owner of the number the address beside it."""
    body = {
        "type": "track",
        "event": "X",
        "properties": {},
        "context": {"traits": {name: PHONE}},
        **event,
    }

    assert person_of(mapped("trackEvent", body)) == person


@pytest.mark.parametrize("action", ["trackEvent", "orderCompleted"])
def test_a_bad_phone_number_costs_no_event_of_a_device(action: str) -> None:
    """The anonymous id was enough before a number was read."""
    body = {"type": "track", "event": "X", "anonymousId": "x"}

    intent = mapped(action, {**body, "properties": {"phone": "12"}})

    assert person_of(intent) == {"anonymous_id": "x"}
    assert not isinstance(intent, PayloadRefusal)
    assert intent.dropped == ("bad-phone",)


@pytest.mark.parametrize(
    "action", sorted(ACTIONS.keys() - {"trackEvent", "orderCompleted"})
)
def test_only_events_have_an_anonymous_id(action: str) -> None:
    """Klaviyo refuses it in profiles since its revision 2026-01-15."""
    payload = {
        "email": EMAIL,
        "phone_number": PHONE,
        "external_id": "u",
        "anonymous_id": "x",
        "list_id": "L",
    }

    result = ACTIONS[action].to_intents(payload)

    assert not isinstance(result, PayloadRefusal)
    assert all("anonymous_id" not in person_of(intent) for intent in result)


def test_a_file_without_mappings_has_the_presets() -> None:
    """Each preset is compiled under its own name."""
    rules = compile_destination(None).mappings

    assert [rule.name for rule in rules] == [preset["name"] for preset in PRESETS]
