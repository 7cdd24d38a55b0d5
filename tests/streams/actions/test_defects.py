"""Each confirmed defect of Segment's actions that a payload alone shows, mended."""

from typing import Any

import pytest

from streams.actions.intents import (
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    PayloadRefusal,
    ProfileUpsert,
)
from streams.actions.registry import ACTIONS
from streams.mapping import compile_mapping
from streams.triggers.trigger import compile_trigger

ORDER = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2025-03-01T10:00:00.000Z",
    "properties": {"total": 9, "currency": "eur", "products": [{"sku": "A"}, None, {}]},
}


def by_default(action: str, event: dict[str, Any]) -> tuple[Intent, ...]:
    """Act on an event with the action's own mapping."""
    spec = ACTIONS[action]
    result = spec.to_intents(compile_mapping(spec.default_mapping)(event))
    assert not isinstance(result, PayloadRefusal), result
    return result


def acted(action: str, payload: dict[str, Any]) -> tuple[Intent, ...]:
    """Act on a payload."""
    result = ACTIONS[action].to_intents(payload)
    assert not isinstance(result, PayloadRefusal), result
    return result


def refusal(action: str, payload: dict[str, Any]) -> str:
    """Return the code of an action's refusal."""
    result = ACTIONS[action].to_intents(payload)
    assert isinstance(result, PayloadRefusal)
    return result.code


def test_defect_03_one_odd_phone_leaves_its_good_email_and_is_recorded() -> None:
    """The email is kept, the phone dropped, and a code says so."""
    payload = {"list_id": "L", "email": "a@b.co", "phone_number": "99"}

    (removal,) = acted("removeProfileFromList", payload)

    assert removal == ListRemove(
        list_id="L", identifiers={"email": "a@b.co"}, dropped=("bad-phone",)
    )


def test_defect_05_a_list_add_keeps_the_attributes() -> None:
    """The add has the attributes of new and of existing profiles."""
    payload = {"list_id": "L", "email": "a@b.co", "first_name": "New"}

    (add,) = acted("addProfileToList", payload)

    assert add == ListAdd(list_id="L", profile={"email": "a@b.co", "first_name": "New"})


def test_defect_06_a_product_has_the_same_unique_id_each_time() -> None:
    """The unique id is the order's id and the line, so retries are duplicates."""
    first, again = (by_default("orderCompleted", ORDER) for _ in range(2))

    ids = [event.unique_id for event in first if isinstance(event, EventRecord)]
    assert ids == ["m1", "m1:1", "m1:3"]
    assert first == again


@pytest.mark.parametrize(
    "order_id", [pytest.param("O-1", id="order-id"), pytest.param(None, id="none")]
)
def test_defect_06_holds_without_a_message_id(order_id: str | None) -> None:
    """The order's own number, or a hash of the order, replaces the id."""
    properties = {**ORDER["properties"], "order_id": order_id}  # type: ignore[dict-item]  # a dict it is
    event = {**ORDER, "messageId": None, "properties": properties}

    first, again = (by_default("orderCompleted", event) for _ in range(2))

    ids = {event.unique_id for event in first[1:] if isinstance(event, EventRecord)}
    assert len(ids) == 2
    assert first == again


def test_defect_10_an_item_that_reaches_nobody_is_refused() -> None:
    """Segment drops the event and reports success."""
    assert refusal("unsubscribeProfile", {"phone_number": "12"}) == "bad-phone"


def test_defect_13_each_record_says_itself_whether_it_is_historical() -> None:
    """The flag of a payload does not depend on the batch."""
    old, new = (
        acted(
            "subscribeProfile",
            {
                "email": "a@b.co",
                "historical_import": flag,
                "consented_at": "2025-03-01",
            },
        )[0]
        for flag in (True, False)
    )

    assert isinstance(old, ConsentChange)
    assert isinstance(new, ConsentChange)
    assert (old.historical_import, old.consented_at) == (
        True,
        "2025-03-01T00:00:00.000Z",
    )
    assert (new.historical_import, new.consented_at) == (False, "")


@pytest.mark.parametrize(
    ("lists", "chosen"),
    [
        pytest.param({"list_id": "M"}, "M", id="mapping"),
        pytest.param(
            {"list_id": "M", "retlOnMappingSave": {"outputs": {"id": "H"}}},
            "H",
            id="made-when-saved",
        ),
        pytest.param(
            {
                "list_id": "M",
                "retlOnMappingSave": {"outputs": {"id": "H"}},
                "override_list_id": "E",
            },
            "E",
            id="event-says",
        ),
    ],
)
def test_defect_14_the_list_nearest_to_the_event_wins(
    lists: dict[str, Any], chosen: str
) -> None:
    """The order of priority is the same in every batch."""
    (upsert,) = acted("upsertProfile", {"email": "a@b.co", **lists})

    assert isinstance(upsert, ProfileUpsert)
    assert upsert.list_id == chosen


@pytest.mark.parametrize(
    "time",
    [
        pytest.param(1740823200, id="seconds"),
        pytest.param("1740823200", id="seconds-as-text"),
        pytest.param(1740823200000, id="milliseconds"),
        pytest.param("1740823200000", id="milliseconds-as-text"),
        pytest.param("2025-03-01T10:00:00.000Z", id="iso"),
        pytest.param("2025-03-01T12:00:00+02:00", id="offset"),
        pytest.param("Sat, 01 Mar 2025 10:00:00 GMT", id="rfc-2822"),
    ],
)
def test_defect_18_an_epoch_is_the_time_it_means(time: float | str) -> None:
    """Seconds and milliseconds, as number or text."""
    profile = {"external_id": "u"}
    payload = {"metric_name": "M", "profile": profile, "properties": {}, "time": time}

    (event,) = acted("trackEvent", payload)

    assert isinstance(event, EventRecord)
    assert event.time == "2025-03-01T10:00:00.000Z"


@pytest.mark.parametrize("action", ["trackEvent", "orderCompleted"])
def test_defect_19_the_default_mapping_names_whose_event_it_is(action: str) -> None:
    """An event without more than a user id is recorded for that user."""
    event, *_ = by_default(action, ORDER)

    assert isinstance(event, EventRecord)
    assert event.profile == {"external_id": "u1"}


def test_defect_20_remove_profile_takes_identify_calls() -> None:
    """Segment's trigger asks for a type that no event has."""
    trigger = compile_trigger(ACTIONS["removeProfile"].trigger)

    assert trigger({"type": "identify"})


def test_defect_21_the_default_upsert_keeps_all_that_identify_says() -> None:
    """User id, phone, custom traits, and both spellings of the postal code."""
    traits = {
        "phone": "+14155550132",
        "plan": "pro",
        "vips": True,
        "address": {"postalCode": "1010", "city": "Wien"},
    }
    context = {"personas": {"computation_key": "vips"}}

    (upsert,) = by_default(
        "upsertProfile",
        {"type": "identify", "userId": "u1", "traits": traits, "context": context},
    )

    assert upsert == ProfileUpsert(
        profile={
            "external_id": "u1",
            "phone_number": "+14155550132",
            "location": {"city": "Wien", "zip": "1010"},
            "properties": {"plan": "pro"},
        }
    )


def test_defect_22_a_deletion_never_takes_a_user_id_for_klaviyos() -> None:
    """A user id is an external id, to be looked up."""
    (deletion,) = by_default("deleteProfile", {"type": "delete", "userId": "u1"})

    assert deletion == Deletion(identifiers={"external_id": "u1"})


@pytest.mark.parametrize("action", ["upsertProfile", "subscribeProfile"])
def test_defect_26_an_empty_string_is_absent(action: str) -> None:
    """An empty e-mail address beside a phone number is absent, not invalid."""
    payload = {"email": "", "phone_number": "+14155550132"}

    (intent,) = acted(action, payload)

    assert isinstance(intent, ProfileUpsert | ConsentChange)
    assert intent.profile == {"phone_number": "+14155550132"}


@pytest.mark.parametrize(
    "phone", [pytest.param({"phone_number": "4155550132"}, id="phone"), {}]
)
def test_defect_29_country_code_never_reaches_the_profile(
    phone: dict[str, str],
) -> None:
    """With a phone or without."""
    profile = {"email": "a@b.co", "country_code": "US", **phone}

    (event,) = acted(
        "trackEvent", {"metric_name": "M", "profile": profile, "properties": {}}
    )

    assert isinstance(event, EventRecord)
    assert "US" not in event.profile.values()
    assert "properties" not in event.profile


@pytest.mark.parametrize(
    "email",
    [
        pytest.param("o'brien@example.com", id="apostrophe"),
        pytest.param("zoë@example.com", id="local-part"),
        pytest.param("jane@bücher.example.com", id="domain"),
    ],
)
def test_defect_33_unusual_but_right_addresses_pass(email: str) -> None:
    """Every action accepts unusual but valid addresses."""
    (upsert,) = acted("upsertProfile", {"email": email})

    assert isinstance(upsert, ProfileUpsert)
    assert upsert.profile == {"email": email}


def test_defect_35_a_removal_names_one_profile_by_its_most_telling_identifier() -> None:
    """The id first, then the email, then the phone."""
    payload = {
        "list_id": "L",
        "phone_number": "+14155550132",
        "email": "a@b.co",
        "external_id": "u1",
    }

    (removal,) = acted("removeProfile", payload)

    assert isinstance(removal, ListRemove)
    assert list(removal.identifiers) == ["external_id", "email", "phone_number"]
