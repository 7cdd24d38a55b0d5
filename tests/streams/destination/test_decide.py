"""Tests of the decision on an event: the state and the activations."""

from typing import Any

import msgspec
import pytest

from streams.actions.activation import Activation
from streams.actions.intents import EventRecord, ListAdd, ListRemove
from streams.destination.completion import complete_event
from streams.destination.decide import Decision, decide
from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from streams.events.canonical_event import CanonicalEvent, EventKind, Origin, Replay
from streams.state.entries import LastWrite
from streams.state.user_entries import UserEntries
from streams.state.user_state import EMPTY_STATE, UserState

ORIGIN = Origin(topic="source", partition=1, offset=7)
PRESETS = compile_destination(None)
TEN_MS = 1_772_359_200_123


def _event(
    kind: EventKind = "track",
    *,
    time_ms: int = 10,
    **body: Any,  # noqa: ANN401 - JSON
) -> CanonicalEvent:
    return CanonicalEvent(
        kind=kind,
        user="u1",
        message_id="m1",
        time_ms=time_ms,
        origin=ORIGIN,
        body={"type": kind, "userId": "u1", **body},
    )


def _entered(audience: str = "vip", *, list_id: str = "") -> CanonicalEvent:
    personas = {"audience_settings": {"listId": list_id}} if list_id else {}
    return _event(
        event="Audience Entered",
        properties={"audience_key": audience},
        context={"traits": {"email": "a@b.co"}, "personas": personas},
    )


def _decided(
    event: CanonicalEvent,
    state: UserState | None = None,
    *,
    destination: Destination = PRESETS,
) -> Decision:
    return decide(
        event, EMPTY_STATE if state is None else state, destination=destination
    )


def _member(*, inside: bool, time_ms: int) -> UserState:
    origin = Origin(topic="source", partition=1, offset=1)
    write = LastWrite(inside=inside, time_ms=time_ms, origin=origin)
    write = msgspec.structs.replace(write, addresses=("a@b.co",))
    return UserState(stored=UserEntries(memberships={"vip": write}))


def test_an_enter_becomes_an_add_with_identifiers_only() -> None:
    """The activation has the user, the audience, the time and the source record."""
    decision = _decided(_entered())

    assert decision.activations == (
        Activation(
            action="addProfileToList",
            user="u1",
            intent=ListAdd(
                list_id="", profile={"external_id": "u1", "email": "a@b.co"}
            ),
            time_ms=10,
            origin=ORIGIN,
            message_id="m1",
            audience="vip",
        ),
    )
    assert decision.state.memberships["vip"].inside
    assert decision.reason == ""


@pytest.mark.parametrize(
    "replay",
    [
        pytest.param(None, id="live"),
        pytest.param(Replay(id="r"), id="replayed"),
    ],
)
def test_a_late_enter_does_not_bring_an_old_address_back(
    replay: Replay | None,
) -> None:
    """The event is older than the user's current address."""
    changed = _event("identify", time_ms=20, traits={"email": "new@b.co"})
    state = _decided(changed).state
    entered = msgspec.structs.replace(_entered(), replay=replay)

    [activation] = _decided(entered, state).activations

    assert isinstance(activation.intent, ListAdd)
    assert activation.intent.profile == {"email": "new@b.co", "external_id": "u1"}


def test_an_exit_becomes_a_removal() -> None:
    """The removals are from the same list, of each profile that entered."""
    event = _event(event="Audience Exited", properties={"audience_key": "vip"})

    activations = _decided(event, _member(inside=True, time_ms=5)).activations

    assert {(one.action, one.audience) for one in activations} == {
        ("removeProfileFromList", "vip")
    }
    assert [activation.intent for activation in activations] == [
        ListRemove(list_id="", identifiers={"external_id": "u1"}),
        ListRemove(list_id="", identifiers={"email": "a@b.co"}),
    ]


@pytest.mark.parametrize(
    ("in_event", "in_settings", "in_file", "list_id"),
    [
        pytest.param("", "", "", "", id="nobody-the-audience-s-own"),
        pytest.param("", "", "F", "F", id="the-file"),
        pytest.param("", "S", "", "S", id="the-settings"),
        pytest.param("", "S", "F", "S", id="the-settings-over-the-file"),
        pytest.param("E", "S", "F", "E", id="all-the-event-wins"),
    ],
)
def test_the_list_is_named_by_event_settings_or_file(
    *, in_event: str, in_settings: str, in_file: str, list_id: str
) -> None:
    """The event has priority over the settings, and the settings over the file."""
    destination = compile_destination(
        {"audiences": {"vip": in_file} if in_file else {}}
    )
    with_lists = destination.with_lists({"vip": in_settings} if in_settings else {})

    [activation] = _decided(
        _entered(list_id=in_event), destination=with_lists
    ).activations

    assert isinstance(activation.intent, ListAdd)
    assert activation.intent.list_id == list_id


def test_a_list_of_the_settings_enables_no_audience() -> None:
    """The worker's settings change the list only, and only of with_lists audiences."""
    audiences = {"vip": {"list_id": "F", "enabled": False}, "new": "N"}
    destination = compile_destination({"audiences": audiences}).with_lists({"vip": "S"})

    vip = _decided(_entered(), destination=destination)
    [new] = _decided(_entered("new"), destination=destination).activations

    assert (vip.activations, vip.reason) == ((), "audience-not-synced")
    assert isinstance(new.intent, ListAdd)
    assert new.intent.list_id == "N"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param(_member(inside=True, time_ms=5), "unchanged", id="already-inside"),
        pytest.param(_member(inside=False, time_ms=50), "stale", id="older-than-known"),
    ],
)
def test_an_event_that_changes_nothing_has_a_reason(
    state: UserState, reason: str
) -> None:
    """The reason becomes the outcome of the record."""
    decision = _decided(_entered(), state)

    assert decision.activations == ()
    assert decision.reason == reason


def test_a_stale_event_changes_no_membership() -> None:
    """No changelog record is written for the event then."""
    state = _member(inside=False, time_ms=50)

    assert _decided(_entered(), state).state.membership_changes == {}


def test_the_row_given_is_never_changed() -> None:
    """A discarded decision leaves no trace in the state."""
    state = _member(inside=False, time_ms=5)

    decision = _decided(_entered(), state)

    assert decision.state.memberships["vip"].inside
    assert state == _member(inside=False, time_ms=5)


def test_an_audience_beside_others_moves_alone() -> None:
    """The memberships in other audiences stay."""
    decision = _decided(_entered("new"), _member(inside=True, time_ms=5))

    assert {*decision.state.memberships} == {"vip", "new"}
    assert decision.state.memberships["vip"].time_ms == 5


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(_event("alias"), "ignored: alias", id="an-alias"),
        pytest.param(_event("page", name="Home"), "no-mapping", id="a-page"),
        pytest.param(
            _event("identify", userId="", anonymousId="anon"),
            "no-identifier",
            id="an-identify-of-nobody-klaviyo-knows",
        ),
    ],
)
def test_an_event_without_anything_to_do_says_so(
    event: CanonicalEvent, reason: str
) -> None:
    """Every record has an outcome, including records without any effect."""
    decision = _decided(event)

    assert (decision.activations, decision.reason) == ((), reason)


def test_a_transition_without_an_identifier_is_refused() -> None:
    """A dead letter shows the audience event that cannot be executed."""
    event = _event(
        userId="",
        anonymousId="anon",
        event="Audience Entered",
        properties={"audience_key": "vip"},
    )

    decision = _decided(event)

    assert [refusal.code for refusal in decision.refusals] == ["no-identifier"]
    assert decision.state == EMPTY_STATE


@pytest.mark.parametrize(
    ("country", "phone"),
    [
        pytest.param("US", "+14155550132", id="of-the-file-s-country"),
        pytest.param("", None, id="of-no-country"),
    ],
)
def test_a_transition_reads_a_national_phone_number(
    country: str, phone: str | None
) -> None:
    """The list add identifies the same profile as the mappings."""
    event = _event(
        event="Audience Entered",
        properties={"audience_key": "vip"},
        context={"traits": {"phone": "415-555-0132"}},
    )
    destination = compile_destination(
        {"settings": {"country": country} if country else {}}
    )

    [activation] = _decided(event, destination=destination).activations

    assert isinstance(activation.intent, ListAdd)
    assert activation.intent.profile.get("phone_number") == phone


@pytest.mark.parametrize(
    ("members", "message_id", "time", "unique_id"),
    [
        pytest.param({}, "m1", "2026-03-01T10:00:00.123Z", "m1", id="neither"),
        pytest.param(
            {},
            "",
            "2026-03-01T10:00:00.123Z",
            f"source/1/7@{TEN_MS}",
            id="and-no-message-id",
        ),
        pytest.param({"time": "T"}, "m1", "T", "m1", id="a-time"),
        pytest.param(
            {"unique_id": "o1"}, "m1", "2026-03-01T10:00:00.123Z", "o1", id="a-name"
        ),
        pytest.param({"time": "T", "unique_id": "o1"}, "m1", "T", "o1", id="both"),
    ],
)
def test_an_event_is_completed_by_its_record(
    *, members: dict[str, Any], message_id: str, time: str, unique_id: str
) -> None:
    """A duplicate has the same time and unique id, so Klaviyo drops the duplicate."""
    event = CanonicalEvent(
        kind="track",
        user="u1",
        message_id=message_id,
        time_ms=TEN_MS,
        origin=ORIGIN,
        body={},
    )
    intent = EventRecord(metric="M", profile={}, properties={}, **members)

    done = complete_event(intent, event)

    assert isinstance(done, EventRecord)
    assert (done.time, done.unique_id) == (time, unique_id)


def test_other_intents_than_events_are_complete() -> None:
    """Other intents have neither a time nor a unique id."""
    add = ListAdd(list_id="L", profile={})

    assert complete_event(add, _event()) is add


@pytest.mark.parametrize(
    ("event", "email"),
    [
        pytest.param(
            _event("identify", traits={"email": "a@b.co"}), "a@b.co", id="who"
        ),
        pytest.param(
            _event(event="Viewed", context={"traits": {"email": "a@b.co"}}),
            "a@b.co",
            id="of-the-context",
        ),
        pytest.param(
            _event(event="Order Completed", properties={"email": "gift@b.co"}),
            "",
            id="of-an-order",
        ),
        pytest.param(
            _event(
                event="Audience Entered",
                properties={"audience_key": "vip", "email": "a@b.co"},
            ),
            "a@b.co",
            id="of-an-audience",
        ),
        pytest.param(_event("group", traits={"email": "sales@b.co"}), "", id="a-group"),
        pytest.param(_event("alias", previousId="anon"), "", id="an-alias"),
    ],
)
def test_an_address_is_learned_from_what_is_about_the_user(
    event: CanonicalEvent, email: str
) -> None:
    """An order may be a present, and a group has an address of its own."""
    assert _decided(event).state.identity.email == email
