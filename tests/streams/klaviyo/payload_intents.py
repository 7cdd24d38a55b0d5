"""Intents that actions return for payloads."""

from typing import Any

from streams.actions.intents import Intent, PayloadRefusal
from streams.actions.registry import ACTIONS


def intents_for(action: str, *payloads: dict[str, Any]) -> list[Intent]:
    """Return the intents of an action for valid payloads."""
    intents: list[Intent] = []
    for payload in payloads:
        result = ACTIONS[action].to_intents(payload)
        assert not isinstance(result, PayloadRefusal), result
        intents += result
    return intents
