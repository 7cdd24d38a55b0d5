"""What actions want of Klaviyo for payloads."""

from typing import Any

from streams.actions.intents import Intent, PayloadRefusal
from streams.actions.registry import ACTIONS


def intents_for(action: str, *payloads: dict[str, Any]) -> list[Intent]:
    """Act on payloads; none of them may be refused."""
    intents: list[Intent] = []
    for payload in payloads:
        result = ACTIONS[action].to_intents(payload)
        assert not isinstance(result, PayloadRefusal), result
        intents += result
    return intents
