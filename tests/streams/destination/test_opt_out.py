"""Tests of opt-outs: Segment's and RudderStack's rules, one state each."""

from typing import Any

import pytest

from streams.destination.decide import NO_MAPPING, Decision, decide
from streams.destination.loader import compile_destination
from streams.destination.opt_out import (
    ConsentStrategy,
    OptOut,
    OptOutRules,
    opt_out_of,
)
from streams.events.canonical_event import CanonicalEvent, EventKind, Origin
from streams.state.user_state import EMPTY_STATE

INTEGRATIONS = [
    pytest.param({}, None, id="empty"),
    pytest.param([], None, id="PHP's empty object"),
    pytest.param(False, None, id="not an object"),
    pytest.param({"All": True}, None, id="all"),
    pytest.param({"All": False}, OptOut.INTEGRATIONS, id="none"),
    pytest.param({"all": False}, OptOut.INTEGRATIONS, id="none, by the Go library"),
    pytest.param({"All": False, "Klaviyo (Actions)": True}, None, id="Engage"),
    pytest.param({"All": False, "Klaviyo": {"listId": "X"}}, None, id="options"),
    pytest.param({"Klaviyo (Actions)": False}, OptOut.INTEGRATIONS, id="by name"),
    pytest.param({"Klaviyo": False}, OptOut.INTEGRATIONS, id="by RudderStack's name"),
    pytest.param(
        {"Klaviyo": False, "Klaviyo (Actions)": True}, None, id="the exact name wins"
    ),
    pytest.param({"Klaviyo": None, "All": False}, OptOut.INTEGRATIONS, id="null"),
    pytest.param({"klaviyo": False}, None, id="names are case-sensitive"),
    pytest.param({"Mixpanel": False}, None, id="another destination"),
    pytest.param({"Klaviyo EU": False}, OptOut.INTEGRATIONS, id="a configured name"),
    pytest.param({"All": "false"}, None, id="text is an option"),
    pytest.param({"All": 0}, None, id="a number is an option"),
]


@pytest.mark.parametrize(("integrations", "expected"), INTEGRATIONS)
def test_integrations_hold_events_back(
    integrations: object, expected: OptOut | None
) -> None:
    """Own names decide before `All`, and null counts as absent."""
    rules = OptOutRules(integration_names=("Klaviyo EU",))

    assert opt_out_of({"integrations": integrations}, rules) == expected


MARKETING = OptOutRules(consent_categories=("marketing",))
BOTH = OptOutRules(consent_categories=("marketing", "ads"))
EITHER = OptOutRules(
    consent_categories=("marketing", "ads"), consent_strategy=ConsentStrategy.OR
)


def _segment(preferences: object) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": preferences}}


def _rudderstack(*denied: str, **fields: str) -> dict[str, Any]:
    return {"consentManagement": {"deniedConsentIds": list(denied), **fields}}


CONSENTS = [
    pytest.param(MARKETING, {}, False, id="no consent object"),
    pytest.param(MARKETING, {"consent": {}}, False, id="no preferences"),
    pytest.param(MARKETING, _segment({}), True, id="empty: all are false"),
    pytest.param(MARKETING, _segment({"marketing": True}), False, id="consented"),
    pytest.param(MARKETING, _segment({"marketing": False}), True, id="refused"),
    pytest.param(MARKETING, _segment({"Marketing": True}), True, id="case-sensitive"),
    pytest.param(MARKETING, _segment({"marketing": "true"}), True, id="text"),
    pytest.param(MARKETING, _segment([]), False, id="preferences are no object"),
    pytest.param(BOTH, _segment({"marketing": True}), True, id="one of two"),
    pytest.param(
        BOTH, _segment({"marketing": True, "ads": True}), False, id="two of two"
    ),
    pytest.param(OptOutRules(), _segment({}), False, id="no category configured"),
    pytest.param(MARKETING, _rudderstack(), False, id="denied: none"),
    pytest.param(MARKETING, _rudderstack("marketing"), True, id="denied"),
    pytest.param(MARKETING, _rudderstack("other"), False, id="denied: another"),
    pytest.param(BOTH, _rudderstack("ads"), True, id="denied: one of two"),
    pytest.param(EITHER, _rudderstack("ads"), False, id="denied: one of two, or"),
    pytest.param(EITHER, _rudderstack("ads", "marketing"), True, id="denied: both, or"),
    pytest.param(
        BOTH, _rudderstack("ads", resolutionStrategy="or"), False, id="named strategy"
    ),
    pytest.param(
        BOTH,
        _rudderstack("ads", resolutionStrategy="or", provider="custom"),
        True,
        id="custom provider: the configured strategy",
    ),
    pytest.param(
        MARKETING, {"consentManagement": {"deniedConsentIds": "x"}}, False, id="no list"
    ),
]


@pytest.mark.parametrize(("rules", "context", "is_held_back"), CONSENTS)
def test_consent_holds_events_back(
    rules: OptOutRules, context: dict[str, Any], *, is_held_back: bool
) -> None:
    """Segment's silence refuses, RudderStack's consents."""
    expected = OptOut.CONSENT if is_held_back else None

    assert opt_out_of({"context": context}, rules) == expected


def test_consent_is_named_before_integrations() -> None:
    """An event with both reasons has the reason that Segment gives first."""
    body = {"context": _segment({}), "integrations": {"All": False}}

    assert opt_out_of(body, MARKETING) == OptOut.CONSENT


def _decision(
    kind: EventKind, body: dict[str, Any], *, lets_withdrawals: bool = False
) -> Decision:
    destination = compile_destination(
        {"settings": {"opted_out_withdrawals": lets_withdrawals}}
    )
    event = CanonicalEvent(
        kind=kind,
        user="u1",
        message_id="m1",
        time_ms=10,
        origin=Origin(topic="source", partition=0, offset=0),
        body={
            "type": kind,
            "userId": "u1",
            "integrations": {"All": False},
            "traits": {"email": "ada@example.com"},
            "context": {"traits": {"email": "ada@example.com"}},
            **body,
        },
    )
    return decide(event, EMPTY_STATE, destination=destination)


HELD_BACK: list[tuple[EventKind, dict[str, Any]]] = [
    ("identify", {}),
    ("track", {"event": "Viewed"}),
    ("track", {"event": "Order Completed", "properties": {"products": "bad"}}),
    ("track", {"event": "Audience Entered", "properties": {"audience_key": "vip"}}),
    ("track", {"event": "Audience Exited", "properties": {"audience_key": "vip"}}),
    ("track", {"event": "User Subscribed"}),
    ("page", {}),
]


@pytest.mark.parametrize(("kind", "body"), HELD_BACK)
def test_an_event_held_back_changes_nothing(
    kind: EventKind, body: dict[str, Any]
) -> None:
    """No state, no activation and no dead letter comes from an event held back."""
    decision = _decision(kind, body)

    assert decision.state is EMPTY_STATE
    assert not decision.activations
    assert not decision.refusals
    assert decision.reason == OptOut.INTEGRATIONS


def test_a_deletion_is_never_held_back() -> None:
    """A deletion reaches Klaviyo whatever the event's integrations are."""
    [activation] = _decision("delete", {}).activations

    assert activation.action == "deleteProfile"


@pytest.mark.parametrize("lets_withdrawals", [False, True])
def test_withdrawals_pass_by_a_setting(*, lets_withdrawals: bool) -> None:
    """An unsubscribe event passes only if the file allows it."""
    decision = _decision(
        "track", {"event": "User Unsubscribed"}, lets_withdrawals=lets_withdrawals
    )

    assert bool(decision.activations) is lets_withdrawals
    assert decision.reason == ("" if lets_withdrawals else OptOut.INTEGRATIONS)


def test_an_event_without_opt_out_has_its_usual_reason() -> None:
    """The reason of an opt-out is on no other event."""
    assert _decision("page", {"integrations": {}}).reason == NO_MAPPING
