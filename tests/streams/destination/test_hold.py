"""Tests of the events that wait until their person is known."""

from typing import Any

import pytest

from streams.actions.intents import EventRecord, ListAdd, ListRemove
from streams.destination.decide import Decision, decide
from streams.destination.loader import compile_destination
from streams.errors import ConfigError
from streams.events.canonical_event import (
    CanonicalEvent,
    EventKind,
    Origin,
    Replay,
    ReplayMode,
)
from streams.state.user_state import EMPTY_STATE, UserState

EMAIL = {"email": "ada@example.com"}
VIP = {"audience_key": "vip"}
DELETES = {"action": "deleteProfile", "trigger": 'event = "Gone"'}
TRACKS = {"action": "trackEvent", "trigger": 'type = "track"'}


def _event(
    kind: EventKind = "track",
    *,
    at: int = 0,
    replay: Replay | None = None,
    **body: Any,  # noqa: ANN401 - JSON
) -> CanonicalEvent:
    return CanonicalEvent(
        kind=kind,
        user="u1",
        message_id=f"m{at}",
        time_ms=1_772_359_200_000 + at,
        origin=Origin(topic="in", partition=0, offset=at),
        body={"type": kind, "userId": "u1", **body},
        replay=replay,
    )


def _decide(
    event: CanonicalEvent,
    *,
    state: UserState = EMPTY_STATE,
    was_held: bool = False,
    unknown: str = "hold",
    mappings: list[dict[str, Any]] | None = None,
) -> Decision:
    raw = {"settings": {"identity": {"unknown": unknown}}, "mappings": mappings}
    destination = compile_destination(raw)
    return decide(event, state, destination=destination, was_held=was_held)


def _state_after(*events: CanonicalEvent) -> UserState:
    state = EMPTY_STATE
    for event in events:
        state = _decide(event, state=state).state
    return state


NOWHERE = {"All": False}
ENTERS = _event(event="Audience Entered", properties=VIP)
LEAVES = _event(event="Audience Exited", properties=VIP, at=5)
IDENTIFIES = _event("identify", traits=EMAIL, at=3)


@pytest.mark.parametrize(
    ("event", "is_held"),
    [
        pytest.param(_event(event="Viewed"), True, id="track"),
        pytest.param(_event(event="Viewed", anonymousId="a"), True, id="with-device"),
        pytest.param(_event("identify", traits={"plan": "gold"}), True, id="no-email"),
        pytest.param(ENTERS, True, id="enters"),
        pytest.param(LEAVES, False, id="exits"),
        pytest.param(IDENTIFIES, False, id="identify-with-address"),
        pytest.param(
            _event(event="Viewed", context={"traits": EMAIL}), False, id="address"
        ),
        pytest.param(
            _event(event="Viewed", integrations=NOWHERE), False, id="opted-out"
        ),
        pytest.param(_event("delete"), False, id="deletion"),
        pytest.param(_event("page"), False, id="no-mapping"),
    ],
)
def test_an_event_that_would_make_a_profile_of_its_own_is_held(
    event: CanonicalEvent, is_held: bool
) -> None:
    """The state does not change; with `send` no event is held."""
    held = _decide(event)

    assert held.is_held is is_held
    assert not _decide(event, unknown="send").is_held
    if is_held:
        assert held == Decision(state=EMPTY_STATE, is_held=True)


def test_a_deletion_is_never_held_beside_another_mapping() -> None:
    """The deletion serves a legal duty."""
    decision = _decide(_event(event="Gone"), mappings=[DELETES, TRACKS])

    assert not decision.is_held
    assert len(decision.activations) == 2


def test_an_event_of_a_known_person_is_not_held() -> None:
    """A number is enough: the profile with that number has the user id."""
    by_phone = _event("identify", traits={"phone": "+12025550123"})

    for known in (IDENTIFIES, by_phone):
        state = _state_after(known)
        assert not _decide(_event(event="Viewed", at=9), state=state).is_held


def test_a_released_event_names_the_person_if_it_can() -> None:
    """Otherwise the event is sent as it is."""
    viewed = _event(event="Viewed")

    profiles = []
    for state in (_state_after(IDENTIFIES), EMPTY_STATE):
        decision = _decide(viewed, state=state, was_held=True)
        [activation] = decision.activations
        assert isinstance(activation.intent, EventRecord)
        profiles.append(activation.intent.profile)

    assert profiles == [{**EMAIL, "external_id": "u1"}, {"external_id": "u1"}]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_released_enter_undoes_no_later_exit(is_known: bool) -> None:
    """The order is that of event times, so nobody ends on the list."""
    seen_meanwhile = (IDENTIFIES, LEAVES) if is_known else (LEAVES,)
    state = _state_after(ENTERS, *seen_meanwhile)

    decision = _decide(ENTERS, state=state, was_held=True)

    assert decision.activations == ()
    assert decision.reason == "stale"
    assert not decision.state.memberships["vip"].inside


def test_a_released_enter_adds_the_known_address() -> None:
    """And the exit that follows takes the same address off."""
    state = _state_after(ENTERS, IDENTIFIES)

    entered = _decide(ENTERS, state=state, was_held=True)
    left = _decide(LEAVES, state=entered.state)

    [add], [removal] = entered.activations, left.activations
    assert isinstance(add.intent, ListAdd)
    assert isinstance(removal.intent, ListRemove)
    assert add.intent.profile["email"] == EMAIL["email"]
    assert removal.intent.identifiers["email"] == EMAIL["email"]


def test_a_released_update_overwrites_no_later_trait() -> None:
    """Of its attributes those remain that no later event has set."""
    early = _event("identify", traits={"firstName": "Old", "title": "Dr"})
    later = _event("identify", traits={**EMAIL, "firstName": "Ada"}, at=3)

    decision = _decide(early, state=_state_after(early, later), was_held=True)

    [activation] = decision.activations
    profile = activation.intent.profile  # type: ignore[union-attr] # an upsert has one
    assert (profile.get("first_name"), profile["title"]) == (None, "Dr")


def test_a_deleted_user_is_not_made_again() -> None:
    """The deletion arrived while the event was held."""
    viewed, deleted = _event(event="Viewed"), _event("delete", at=5)

    decision = _decide(viewed, state=_state_after(viewed, deleted), was_held=True)

    assert (decision.activations, decision.reason) == ((), "stale")


def test_a_rebuild_does_not_overtake_the_held_event() -> None:
    """The held event would find its membership in the table, and call nothing."""
    replay = Replay(id="r", mode=ReplayMode.STATE_ONLY)
    rebuilt = _event(event="Audience Entered", properties=VIP, replay=replay)

    assert _decide(rebuilt).is_held
    assert _decide(rebuilt, was_held=True).reason == "rebuilt"


@pytest.mark.parametrize(
    ("identity", "problem"),
    [
        pytest.param({"hold_for_s": 0}, "hold_for_s", id="zero"),
        pytest.param({"hold_for_s": 86_401}, "at most 86400", id="over-a-day"),
        pytest.param(
            {"unknown": "hold", "complete": False}, "complete: true", id="incomplete"
        ),
    ],
)
def test_a_hold_that_cannot_work_is_refused(
    identity: dict[str, Any], problem: str
) -> None:
    """The path of the problem is in the error."""
    with pytest.raises(ConfigError, match=problem) as refused:
        compile_destination({"settings": {"identity": identity}})

    assert "settings.identity." in str(refused.value)


def test_the_hold_takes_a_quarter_of_an_hour_by_default() -> None:
    """The destination file may set another time, in seconds."""
    chosen = {"settings": {"identity": {"unknown": "hold", "hold_for_s": 2}}}

    assert compile_destination(None).identity_rules.hold_for_s == 900
    assert compile_destination(chosen).identity_rules.hold_for_s == 2
