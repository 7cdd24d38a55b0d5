"""Answers of `explain` to recorded lines have the recorded effect or a better one.

The printed requests are played on the small Klaviyo of `tests/streams/actions`. A fact
or a refusal that differs needs a row of the table there, or one of those below:
`explain` asks no Klaviyo, so everyone is found and nothing fails.
"""

import json
from functools import cache
from typing import Any

import pytest
from click.testing import CliRunner

from agents.cli import main
from streams.actions.registry import ACTIONS
from tests.judging import note_printed_requests
from tests.streams.actions.account_effects import after
from tests.streams.actions.deviations import RULES, Case, Difference, Rule
from tests.streams.actions.explained_effects import (
    ExplainOutput,
    explained_account,
    fates_of,
)
from tests.streams.actions.recorded_effects import (
    EventFate,
    RecordedLine,
    lines,
)
from tests.streams.actions.vector_comparison import differences, results_of

ASKED = ("mode", "action", "mapping", "subscribe", "events")
"""What a line says; the rest of a recorded input is about its recording."""

LINES = {action: lines(action) for action in ACTIONS}
CASES = [
    pytest.param(action, at, id=f"{action}-{at}")
    for action in ACTIONS
    for at in range(len(LINES[action]))
]

EXPLAINED = (
    Rule(
        defect="no network",
        explains=lambda case, found: (
            found.fact_kind == "member"
            and (found.theirs, found.ours) == (None, "out")
            and case.line["input"].get("server", {}).get("known") == "none"
        ),
    ),
)
"""A removal of whom the recorded Klaviyo does not know is printed all the same."""

EXCUSES = (*RULES, *EXPLAINED)


def asked(line: RecordedLine, mode: str) -> dict[str, Any]:
    """Return the input of a line, in another mode than the recorded one if given."""
    given: dict[str, Any] = line["input"]
    if not mode:
        return given
    events = [  # each with an id of its own: together, a repeat is sent once
        {**event, "messageId": f"m{at}"} for at, event in enumerate(given["events"])
    ]
    return {**given, "mode": mode, "events": events}


@cache
def answers(action: str, mode: str) -> list[ExplainOutput]:
    """Give all lines of an action to one command, and read its answers."""
    inputs = [asked(line, mode) for line in LINES[action]]
    text = "".join(
        json.dumps({name: given[name] for name in ASKED if name in given}) + "\n"
        for given in inputs
    )
    result = CliRunner().invoke(main, ["explain"], input=text)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def explained(action: str, at: int, mode: str = "") -> ExplainOutput:
    """Return the answer to a line, and show its requests to the judge."""
    answer = answers(action, mode)[at]
    note_printed_requests([answer])
    return answer


def compared(action: str, at: int) -> tuple[Case, list[Difference]]:
    """Find where the printed effect is not the recorded one."""
    line = LINES[action][at]
    case = Case(line=line, results=results_of(action, line["input"]))
    answer = explained(action, at)
    return case, differences(case, explained_account(answer), fates_of(answer))


@pytest.mark.parametrize(("action", "at"), CASES)
def test_what_is_printed_for_a_recorded_line_has_its_effect(
    action: str, at: int
) -> None:
    """Facts and refusals are the recorded ones; each that is not has a reason."""
    case, found = compared(action, at)

    unexplained = [
        difference
        for difference in found
        if not any(rule.explains(case, difference) for rule in EXCUSES)
    ]

    assert unexplained == []


@pytest.mark.parametrize("mode", ["single", "batch"])
@pytest.mark.parametrize(("action", "at"), CASES)
def test_what_is_printed_is_what_the_action_wants(
    action: str, at: int, mode: str
) -> None:
    """No excuse here: all that the payloads ask and nothing else, in either mode."""
    line = LINES[action][at]
    results = results_of(action, asked(line, mode))

    answer = explained(action, at, mode)

    wanted = Case(line=line, results=results).intents
    assert explained_account(answer).facts == after(wanted, knows=True).facts
    refused = [not isinstance(result, tuple) for result in results]
    assert [end is not EventFate.SENT for end in fates_of(answer)] == refused


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, id=rule.defect) for rule in EXPLAINED]
)
def test_each_excuse_of_its_own_is_needed(rule: Rule) -> None:
    """A row that no recorded line needs is a hole, not a reason."""
    needed = [
        difference
        for action in ("removeProfile", "upsertProfile")
        for at in range(len(LINES[action]))
        for case, found in [compared(action, at)]
        for difference in found
        if rule.explains(case, difference)
    ]

    assert needed
