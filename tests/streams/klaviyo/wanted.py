"""What actions want of Klaviyo for payloads."""

from typing import Any

from streams.actions.catalogue import CATALOGUE
from streams.actions.intents import Intent, Refusal


def wanted(action: str, *payloads: dict[str, Any]) -> list[Intent]:
    """Act on payloads; none of them may be refused."""
    intents: list[Intent] = []
    for payload in payloads:
        result = CATALOGUE[action].act(payload)
        assert not isinstance(result, Refusal), result
        intents += result
    return intents
