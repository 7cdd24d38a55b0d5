"""Every recorded line has the recorded effect, save where the table says better.

Lines that stay equal are compared fact by fact on a small Klaviyo (`effects`); each
fact that differs needs a row of the table in `deviations`.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from streams.actions.catalogue import CATALOGUE
from streams.actions.intents import Refusal, Result
from streams.mapping import compile_mapping
from streams.triggers.trigger import compile_trigger
from tests.streams.actions.deviations import RULES, Case, Difference
from tests.streams.actions.effects import Key, after
from tests.streams.actions.recorded import (
    VECTORS,
    Fate,
    Line,
    fates,
    lines,
    recorded,
)

pytestmark = pytest.mark.skipif(
    not VECTORS.exists(), reason="the recorded vectors are not beside the checkout"
)

RANDOM_ID = "<uuid>"
ABSENT = object()
CASES = [
    pytest.param(action, line, id=f"{action}-{at}")
    for action in CATALOGUE
    for at, line in enumerate(lines(action))
]


def results_of(action: str, given: dict[str, Any]) -> list[Result | None]:
    """Act on each event of a line; None where the trigger takes it not."""
    mapping = compile_mapping(given["mapping"])
    trigger = compile_trigger(given["subscribe"]) if given.get("subscribe") else None
    return [
        CATALOGUE[action].act(mapping(event))
        if trigger is None or trigger(event)
        else None
        for event in given["events"]
    ]


def fate_of(result: Result | None) -> Fate:
    """Name a result as the recorded ones are named."""
    if result is None:
        return Fate.UNMATCHED
    return Fate.REFUSED if isinstance(result, Refusal) else Fate.SENT


def facts(case: Case) -> Iterator[tuple[Key, Any, Any]]:
    """Pair each recorded fact with ours."""
    knows = case.line["input"].get("server", {}).get("known") != "none"
    theirs, ours = recorded(case.line).facts, after(case.intents, knows=knows).facts
    for key in {**theirs, **ours}:
        yield key, theirs.get(key), ours.get(key)
    for at, (fate, result) in enumerate(
        zip(fates(case.line), case.results, strict=True)
    ):
        yield ("fate", at), fate, fate_of(result)


def same(theirs: Any, ours: Any) -> bool:  # noqa: ANN401 - a fact is any value
    """Compare two facts; a recorded random id equals any id."""
    if isinstance(theirs, dict) and theirs.get("unique_id") == RANDOM_ID and ours:
        return bool(ours["unique_id"]) and {**theirs, "unique_id": ""} == {
            **ours,
            "unique_id": "",
        }
    return bool(theirs == ours)


def differences(action: str, line: Line) -> tuple[Case, list[Difference]]:
    """Find where our effect is not the recorded one."""
    case = Case(line=line, results=results_of(action, line["input"]))
    found = [
        Difference(key=key, theirs=theirs, ours=ours)
        for key, theirs, ours in facts(case)
        if not same(theirs, ours)
    ]
    return case, found


@pytest.mark.parametrize(("action", "line"), CASES)
def test_a_recorded_line_has_its_effect_or_a_listed_better_one(
    action: str, line: Line
) -> None:
    """Facts and fates are the recorded ones; each that is not has a reason."""
    case, found = differences(action, line)

    unexplained = [
        difference
        for difference in found
        if not any(rule.explains(case, difference) for rule in RULES)
    ]

    assert unexplained == []


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, id=f"defect-{rule.defect}") for rule in RULES]
)
def test_each_row_of_the_table_explains_something_recorded(rule: Any) -> None:  # noqa: ANN401 - a Rule
    """A row that no recorded line needs is a hole, not a reason."""
    explained = [
        difference
        for action in CATALOGUE
        for line in lines(action)
        for case, found in [differences(action, line)]
        for difference in found
        if rule.explains(case, difference)
    ]

    assert explained
