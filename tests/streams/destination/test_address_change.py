"""Tests of the decision on an event that changes a person's address."""

from typing import Any

import msgspec

from streams.actions.intents import ListAdd, ProfileUpsert
from streams.destination.decide import Decision, decide
from streams.destination.loader import compile_destination
from streams.events.canonical_event import CanonicalEvent, Origin
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


def test_a_change_of_address_that_is_read_again_is_still_a_change() -> None:
    """The state has the address already when a worker takes over, or in a replay."""
    state = _moved(10, 20)[-1].state
    again = _identified(20, "20@b.co", state)
    repeated = _identified(40, "20@b.co", state)

    assert _previous_emails(again) == [("10@b.co",)]
    assert _previous_emails(repeated) == [()]


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
