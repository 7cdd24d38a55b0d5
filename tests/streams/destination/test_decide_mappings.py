"""Tests of the activations that the mappings of a destination cause."""

from typing import Any

import msgspec
import pytest

from streams.actions.activation import DEFAULT_BATCH, BatchOverride
from streams.actions.intents import (
    ConsentChange,
    EventRecord,
    ListAdd,
    ListRemove,
    ProfileUpsert,
)
from streams.destination.decide import Decision, decide
from streams.destination.loader import compile_destination
from streams.destination.model import batch_override_of
from streams.events.canonical_event import CanonicalEvent, EventKind, Origin
from streams.events.identifiers import DEFAULT_CONTACT_RULES
from streams.state.entries import LastWrite
from streams.state.user_state import EMPTY_STATE, UserState

ORIGIN = Origin(topic="source", partition=1, offset=7)
TIME_MS = 1_772_359_200_123

ON_TRACK = {"trigger": 'type = "track"'}
ADDS = {**ON_TRACK, "action": "addProfileToList", "fields": {"list_id": "L"}}
REMOVES = {**ON_TRACK, "action": "removeProfileFromList", "fields": {"list_id": "L"}}
TRACKS = {**ON_TRACK, "action": "trackEvent"}
SUBSCRIBES = {**ON_TRACK, "action": "subscribeProfile"}
UPSERTS = {"action": "upsertProfile", "trigger": 'type = "identify"'}
VIP = {"audience_key": "vip"}


def _event(kind: EventKind = "track", **body: Any) -> CanonicalEvent:  # noqa: ANN401 - JSON
    return CanonicalEvent(
        kind=kind,
        user="u1",
        message_id="m1",
        time_ms=TIME_MS,
        origin=ORIGIN,
        body={"type": kind, "userId": "u1", **body},
    )


def _decided(
    event: CanonicalEvent,
    *mappings: dict[str, Any],
    state: UserState | None = None,
    **parts: object,
) -> Decision:
    """Decide by the presets, unless mappings are given."""
    raw = {"mappings": list(mappings) or None, **parts}
    destination = compile_destination(raw)
    return decide(
        event, EMPTY_STATE if state is None else state, destination=destination
    )


def test_a_transition_and_the_mappings_of_an_event_all_count() -> None:
    """The activations are in order, and numbered."""
    event = _event(event="Audience Entered", properties=VIP)

    decision = _decided(event, TRACKS, TRACKS)

    intents = [
        (type(activation.intent), activation.index)
        for activation in decision.activations
    ]
    assert intents == [(ListAdd, 0), (EventRecord, 1), (EventRecord, 2)]
    assert [activation.audience for activation in decision.activations] == [
        "vip",
        "",
        "",
    ]
    assert {activation.origin for activation in decision.activations} == {ORIGIN}
    assert decision.reason == ""


def test_a_list_that_two_mappings_name_gets_one_change() -> None:
    """The first mapping counts; an add and a removal of an event would race."""
    decision = _decided(_event(event="Buy"), ADDS, REMOVES)

    [activation] = decision.activations
    assert activation.intent == ListAdd(list_id="L", profile={"external_id": "u1"})
    assert len(decision.state.commands) == 1


def test_a_repeated_command_of_a_mapping_is_discarded_with_a_reason() -> None:
    """The decision returns the very same state."""
    first = _decided(_event(event="Buy"), ADDS)

    again = _decided(_event(event="Buy"), ADDS, state=first.state)

    assert (again.activations, again.reason) == ((), "duplicate")
    assert again.state is first.state


def _known(*emails: str) -> UserState:
    """Return the state of the user after identify calls with addresses."""
    state = EMPTY_STATE
    for number, email in enumerate(emails):
        event = msgspec.structs.replace(
            _event("identify", traits={"email": email}), time_ms=TIME_MS - 9 + number
        )
        state = _decided(event, state=state).state
    return state


@pytest.mark.parametrize(
    ("emails", "user"),
    [
        pytest.param(["ada@x.io"], "", id="same-address"),
        pytest.param(["old@x.io", "ada@x.io"], "u1", id="changed-address"),
    ],
)
def test_a_subscription_after_a_change_of_address_names_the_user(
    emails: list[str], user: str
) -> None:
    """A late event may have given the profile its previous address again."""
    context = {"traits": {"email": "ada@x.io"}}
    event = _event(event="User Subscribed", context=context)

    decision = _decided(event, SUBSCRIBES, state=_known(*emails))

    [activation] = decision.activations
    assert isinstance(activation.intent, ConsentChange)
    assert activation.intent.external_id == user


def test_refusals_stand_beside_activations() -> None:
    """The refusal of a mapping does not stop the other mappings."""
    decision = _decided(_event(event="Buy"), SUBSCRIBES, TRACKS)

    assert [refusal.code for refusal in decision.refusals] == ["no-identifier"]
    assert [type(activation.intent) for activation in decision.activations] == [
        EventRecord
    ]
    assert decision.reason == ""


def test_an_audience_that_cannot_be_read_costs_the_event_nothing_else() -> None:
    """The mappings count; the audience event becomes a dead letter."""
    event = _event(event="Audience Entered", properties={"audience_key": 7})

    decision = _decided(event, TRACKS)

    [refusal] = decision.refusals
    [activation] = decision.activations
    assert refusal.code == "bad-audience-key"
    assert activation.action == "trackEvent"


def test_a_refusal_alone_is_no_discard() -> None:
    """A refusal becomes a dead letter, which is an outcome."""
    decision = _decided(_event(event="Buy"), SUBSCRIBES)

    assert [refusal.code for refusal in decision.refusals] == ["no-identifier"]
    assert (decision.activations, decision.reason) == ((), "")


def test_a_refusal_without_anything_to_do_is_a_discard() -> None:
    """An identify call without an identifier is not an error."""
    nobody = _event("identify", userId="", anonymousId="anon")

    decision = _decided(nobody, UPSERTS)

    assert (decision.refusals, decision.reason) == ((), "no-identifier")


def test_every_reason_is_given_once() -> None:
    """Several mappings without effect may have the same reason."""
    nobody = _event("identify", userId="", anonymousId="anon")
    first = _decided(_event(event="Buy"), ADDS)

    assert _decided(nobody, UPSERTS, UPSERTS).reason == "no-identifier"
    event = _event(event="Audience Entered", properties=VIP)
    both = _decided(
        event,
        ADDS,
        state=first.state,
        audiences={"vip": {"enabled": False}},
        settings={"sync_audiences": True},
    )
    assert both.reason == "audience-not-synced,duplicate"


def test_a_disabled_audience_moves_nothing_and_its_event_is_mapped() -> None:
    """The state stays unchanged, so that the audience fires once enabled."""
    event = _event(event="Audience Entered", properties=VIP)

    off = _decided(event, TRACKS, audiences={"vip": {"enabled": False}})

    assert [type(activation.intent) for activation in off.activations] == [EventRecord]
    assert off.state == EMPTY_STATE


@pytest.mark.parametrize(
    ("mapping", "settings", "synced"),
    [
        pytest.param(ADDS, {}, False, id="a-mapping-adds"),
        pytest.param(REMOVES, {}, False, id="a-mapping-removes"),
        pytest.param(TRACKS, {}, True, id="no-mapping-moves-lists"),
        pytest.param(ADDS, {"sync_audiences": True}, True, id="the-file-says-so"),
        pytest.param(TRACKS, {"sync_audiences": False}, False, id="the-file-says-no"),
    ],
)
def test_audiences_move_lists_unless_a_mapping_does(
    *, mapping: dict[str, Any], settings: dict[str, Any], synced: bool
) -> None:
    """Segment's own way is a mapping for each list."""
    event = _event(event="Audience Entered", properties=VIP)

    decision = _decided(event, mapping, settings=settings)

    assert ("vip" in decision.state.memberships) is synced
    assert any(activation.audience for activation in decision.activations) is synced


@pytest.mark.parametrize(
    ("personas", "kinds"),
    [
        pytest.param(
            {"computation_class": "audience"}, [ListAdd], id="an-audience-s-call"
        ),
        pytest.param(
            {"computation_class": "journey_step"}, [ListAdd], id="a-journey-s-call"
        ),
        pytest.param(
            {"computation_class": "computed_trait"},
            [ProfileUpsert],
            id="a-computed-trait",
        ),
        pytest.param({}, [ListAdd, ProfileUpsert], id="of-another-producer"),
    ],
)
def test_the_presets_upsert_no_profile_for_an_audience_s_identify(
    personas: dict[str, str], kinds: list[type]
) -> None:
    """The only trait of the call is the flag, which the list reflects."""
    event = _event(
        "identify",
        traits={"vip": True},
        context={"personas": {"computation_key": "vip", **personas}},
    )

    decision = _decided(event)

    assert [type(activation.intent) for activation in decision.activations] == kinds


@pytest.mark.parametrize("name", ["Audience Entered", "Audience Exited"])
def test_the_presets_record_no_event_for_an_audience_s_track(name: str) -> None:
    """The event changes the list instead."""
    decision = _decided(_event(event=name, properties=VIP))

    [activation] = decision.activations
    assert isinstance(activation.intent, ListAdd | ListRemove)


def test_the_presets_record_any_other_track() -> None:
    """The event has the time and the message id of the record."""
    [activation] = _decided(_event(event="Product Viewed")).activations

    assert isinstance(activation.intent, EventRecord)
    assert (activation.action, activation.intent.metric) == (
        "trackEvent",
        "Product Viewed",
    )
    assert activation.intent.time == "2026-03-01T10:00:00.123Z"
    assert activation.intent.unique_id == "m1"


@pytest.mark.parametrize(
    ("batching", "batch"),
    [
        pytest.param(None, DEFAULT_BATCH, id="says-nothing"),
        pytest.param({"enabled": False}, BatchOverride(items_max=1), id="off"),
        pytest.param({"size": 5}, BatchOverride(items_max=5), id="size"),
        pytest.param({"size": 10_000}, DEFAULT_BATCH, id="the-action-s-size"),
        pytest.param({"keys": ["list_id"]}, DEFAULT_BATCH, id="the-action-s-keys"),
        pytest.param(
            {"keys": ["list_id", "email", "title"]},
            BatchOverride(key='["L","a@b.co",null]'),
            id="keys-with-what-the-payload-has-there",
        ),
        pytest.param(
            {"size": 5, "keys": ["email"]},
            BatchOverride(items_max=5, key='["a@b.co"]'),
            id="both",
        ),
    ],
)
def test_what_a_mapping_says_of_batches(
    batching: dict[str, object] | None, batch: BatchOverride
) -> None:
    """An activation has the batching that differs from the action's batching."""
    mapping = {**ADDS, "batching": batching} if batching else ADDS
    event = _event(event="Buy", context={"traits": {"email": "a@b.co"}})

    [activation] = _decided(event, mapping).activations
    [rule] = compile_destination([mapping]).mappings
    activated = rule.apply(event.body, rules=DEFAULT_CONTACT_RULES)

    assert activation.batch == batch_override_of(rule, activated) == batch


def test_a_mapping_s_own_expiry_goes_with_what_it_asks_for() -> None:
    """Without an expiry of the mapping the settings count."""
    event = _event(event="Buy")
    [expiring] = _decided(event, {**TRACKS, "expire_after_s": 90}).activations
    [usual] = _decided(event, TRACKS).activations

    assert (expiring.expire_after_s, usual.expire_after_s) == (90, 0)


def test_a_stale_list_of_an_upsert_still_sets_the_profile() -> None:
    """On the profiles lane, as an upsert without a list."""
    upserts = {**ON_TRACK, "action": "upsertProfile", "fields": {"list_id": "L"}}
    removed = _decided(_event(event="Buy"), REMOVES).state
    [key] = removed.commands
    later = LastWrite(inside=False, time_ms=TIME_MS + 1, origin=ORIGIN)

    [activation] = _decided(
        _event(), upserts, state=EMPTY_STATE.with_command(key, later)
    ).activations

    assert activation.intent == ProfileUpsert(profile={"external_id": "u1"})


def test_an_entry_from_before_a_deletion_puts_nobody_on_a_list() -> None:
    """The late event would create a deleted profile anew."""
    deleted = _decided(_event("delete")).state
    earlier = msgspec.structs.replace(
        _event(event="Audience Entered", properties=VIP), time_ms=TIME_MS - 1
    )

    decision = _decided(earlier, state=deleted)

    assert (decision.activations, decision.reason) == ((), "stale")
    assert decision.state is deleted
