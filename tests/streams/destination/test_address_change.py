"""Tests of the decision on an event that changes a person's address."""

from typing import Any

import msgspec
import pytest

from streams.actions.intents import ListAdd, ProfileUpsert
from streams.destination.decide import Decision, decide
from streams.destination.loader import compile_destination
from streams.events.canonical_event import CanonicalEvent, Origin
from streams.state.identity import NEW_EMAIL_MS
from streams.state.user_state import EMPTY_STATE, UserState

PRESETS = compile_destination(None)


def _identified(
    time_ms: int,
    email: str,
    state: UserState = EMPTY_STATE,
    *,
    traits: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
) -> Decision:
    """Return the decision on an identify call."""
    body = {
        "type": "identify",
        "userId": "u1",
        "traits": {"email": email} | (traits or {}),
        "context": context or {},
    }
    event = CanonicalEvent(
        kind="identify",
        user="u1",
        message_id="m1",
        time_ms=time_ms,
        origin=Origin(topic="source", partition=1, offset=7),
        body=body,
    )
    return decide(event, state, destination=PRESETS)


def _moved(*times_ms: int) -> list[Decision]:
    """Return the decisions on identify calls, each with another address."""
    decisions: list[Decision] = []
    for time_ms in times_ms:
        state = decisions[-1].state if decisions else EMPTY_STATE
        decisions.append(_identified(time_ms, f"{time_ms}@b.co", state))
    return decisions


def _previous_emails(decision: Decision) -> list[tuple[str, ...]]:
    intents = [activation.intent for activation in decision.activations]
    return [
        i.previous_emails for i in intents if isinstance(i, ListAdd | ProfileUpsert)
    ]


def test_an_upsert_names_previous_addresses_where_the_address_changes() -> None:
    """Neither the first address nor a late event is a change; that one is stale."""
    first, second, third, late = map(_previous_emails, _moved(10, 20, 30, 15))

    assert first == [()]
    assert second == [("10@b.co",)]
    assert third == [("20@b.co", "10@b.co")]
    assert late == []


@pytest.mark.parametrize(
    ("later_ms", "previous"),
    [
        pytest.param(0, ("10@b.co",), id="read-again"),
        pytest.param(20, ("10@b.co",), id="soon"),
        pytest.param(NEW_EMAIL_MS, ("10@b.co",), id="within-a-day"),
        pytest.param(NEW_EMAIL_MS + 1, (), id="after-a-day"),
    ],
)
def test_updates_of_a_day_name_the_previous_address(
    later_ms: int, previous: tuple[str, ...]
) -> None:
    """The event that gave the new address may be read again, or may write nothing."""
    state = _moved(10, 20)[-1].state
    decision = _identified(20 + later_ms, "20@b.co", state)

    assert _previous_emails(decision) == [previous]


@pytest.mark.parametrize(
    ("guess", "previous"),
    [
        pytest.param("guess@b.co", ("guess@b.co",), id="another"),
        pytest.param("20@b.co", (), id="the-same"),
    ],
)
def test_an_address_that_was_only_guessed_counts_as_previous_once(
    guess: str, previous: tuple[str, ...]
) -> None:
    """The profile has the address of the track call, and perhaps a withdrawal."""
    body = {
        "type": "track",
        "event": "Viewed",
        "userId": "u1",
        "context": {"traits": {"email": guess}},
    }
    track = CanonicalEvent(
        kind="track",
        user="u1",
        message_id="m0",
        time_ms=10,
        origin=Origin(topic="source", partition=1, offset=6),
        body=body,
    )
    state = decide(track, EMPTY_STATE, destination=PRESETS).state

    change = _identified(20, "20@b.co", state)
    later = _identified(30, "20@b.co", change.state)

    assert _previous_emails(change) == [previous]
    assert _previous_emails(later) == [()]
    assert change.state.identity.previous_emails == ()


def test_an_audience_that_enters_with_a_new_address_names_the_previous() -> None:
    """An audience's identify call is a list add alone."""
    state = _moved(10)[-1].state
    personas = {"computation_class": "audience", "computation_key": "vip"}
    decision = _identified(
        20, "20@b.co", state, traits={"vip": True}, context={"personas": personas}
    )

    assert _previous_emails(decision) == [("10@b.co",)]


def test_an_activation_without_a_change_of_address_has_no_further_field() -> None:
    """Other activations keep their bytes."""
    [activation] = _moved(10)[0].activations

    assert b"previous_emails" not in msgspec.json.encode(activation)
