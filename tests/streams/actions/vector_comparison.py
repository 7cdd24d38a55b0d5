"""Comparison of recorded effects and refusals with the results of this project."""

from collections.abc import Sequence
from typing import Any

from streams.actions.intents import ActionResult, PayloadRefusal
from streams.actions.registry import ACTIONS
from streams.mapping import compile_mapping
from streams.triggers.trigger import compile_trigger
from tests.streams.actions.account_effects import AccountEffects
from tests.streams.actions.deviations import Case, Difference
from tests.streams.actions.recorded_effects import EventFate, fates, recorded

RANDOM_ID = "<uuid>"


def results_of(
    action: str, recorded_input: dict[str, Any]
) -> list[ActionResult | None]:
    """Return the result for each event of a line; None without a match."""
    mapping = compile_mapping(recorded_input["mapping"])
    trigger = (
        compile_trigger(recorded_input["subscribe"])
        if recorded_input.get("subscribe")
        else None
    )
    return [
        ACTIONS[action].to_intents(mapping(event))
        if trigger is None or trigger(event)
        else None
        for event in recorded_input["events"]
    ]


def fate_of(result: ActionResult | None) -> EventFate:
    """Return the fate that a result stands for."""
    if result is None:
        return EventFate.UNMATCHED
    return EventFate.REFUSED if isinstance(result, PayloadRefusal) else EventFate.SENT


def differences(
    case: Case, ours: AccountEffects, ends: Sequence[EventFate]
) -> list[Difference]:
    """Return the differences between our effect and the recorded effect.

    Args:
        case: The recorded line.
        ours: The account after what is done here.
        ends: What becomes of each event here.
    """
    theirs = recorded(case.line).facts
    facts = [
        (key, theirs.get(key), ours.facts.get(key)) for key in {**theirs, **ours.facts}
    ]
    compared = zip(fates(case.line), ends, strict=True)
    facts += [(("fate", at), *both) for at, both in enumerate(compared)]
    return [
        Difference(key=key, theirs=was, ours=now)
        for key, was, now in facts
        if not same(was, now)
    ]


def same(theirs: Any, ours: Any) -> bool:  # noqa: ANN401 - a fact is any value
    """Compare two facts; a recorded random id equals any id."""
    if isinstance(theirs, dict) and theirs.get("unique_id") == RANDOM_ID and ours:
        return bool(ours["unique_id"]) and {**theirs, "unique_id": ""} == {
            **ours,
            "unique_id": "",
        }
    return bool(theirs == ours)
