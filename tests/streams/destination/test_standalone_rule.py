"""Tests of the event tester's mappings, with arbitrary events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actions.intents import PayloadRefusal
from streams.actions.registry import ACTIONS
from streams.destination.loader import read_destination, standalone_rule
from streams.errors import ConfigError
from streams.events.identifiers import DEFAULT_CONTACT_RULES

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["a@b.co", "+14155550132", "1740823200", "", "L1"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
PARTS = st.dictionaries(
    st.sampled_from(
        ["email", "phone", "address", "firstName", "products", "total", "properties"]
    ),
    JSON,
    max_size=4,
)
EVENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "identify", "delete"]),
        "event": st.sampled_from(["Order Completed", "User Subscribed", "X"]) | JSON,
    },
    optional={
        "userId": JSON,
        "messageId": JSON,
        "timestamp": JSON,
        "traits": PARTS | JSON,
        "properties": PARTS | JSON,
        "context": st.fixed_dictionaries({"traits": PARTS | JSON}) | JSON,
    },
)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_default_mapping_and_trigger_compiles(action: str) -> None:
    """The presets of all actions are valid."""
    spec = ACTIONS[action]

    rule = standalone_rule(action, trigger=spec.trigger)

    assert rule.action is spec


def test_a_standalone_mapping_without_a_trigger_matches_every_event() -> None:
    """The event tester chooses the events itself."""
    assert standalone_rule("trackEvent").trigger({"type": "page"})


def test_a_standalone_mapping_with_a_problem_is_refused() -> None:
    """The error has the path of the problem."""
    with pytest.raises(ConfigError, match=r"mapping\.mapping\.email"):
        standalone_rule("upsertProfile", mapping={"email": {"@path": 3}})


@given(event=EVENTS)
def test_no_event_breaks_the_presets(event: dict[str, Any]) -> None:
    """Each event results in intents, or in a refusal with a code."""
    for activated in PRESETS.map_event(event):
        result = activated.result
        assert result
        assert not isinstance(result, PayloadRefusal) or result.code


@given(event=EVENTS, action=st.sampled_from(sorted(ACTIONS)))
def test_no_event_breaks_any_action(event: dict[str, Any], action: str) -> None:
    """Any event is mapped, even without a match of the trigger."""
    assert RULES[action].apply(event, rules=DEFAULT_CONTACT_RULES).action == action


@given(payload=JSON, action=st.sampled_from(sorted(ACTIONS)))
def test_no_payload_breaks_any_action(payload: object, action: str) -> None:
    """Every field may hold any JSON."""
    fields = {field.name: payload for field in ACTIONS[action].fields}

    assert ACTIONS[action].to_intents(fields)


PRESETS = read_destination("")
RULES = {action: standalone_rule(action) for action in ACTIONS}
