"""Answers of `explain` to recorded lines have the recorded effect or a better one.

The printed requests are played on the small Klaviyo of `tests/streams/actions`. A fact
or a refusal that differs needs a row of the table there, or one of those below:
`explain` asks no Klaviyo, so everyone is found and nothing fails.
"""

import json
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

CASES = [
    pytest.param(action, line, id=f"{action}-{at}")
    for action in ACTIONS
    for at, line in enumerate(lines(action))
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


def explained(given: dict[str, Any]) -> ExplainOutput:
    """Give the line to the command, and read its answer."""
    line = json.dumps({name: given[name] for name in ASKED if name in given})
    result = CliRunner().invoke(main, ["explain"], input=f"{line}\n")
    assert result.exit_code == 0, result.output
    answer: ExplainOutput = json.loads(result.stdout)
    note_printed_requests([answer])
    return answer


def compared(action: str, line: RecordedLine) -> tuple[Case, list[Difference]]:
    """Find where the printed effect is not the recorded one."""
    case = Case(line=line, results=results_of(action, line["input"]))
    answer = explained(line["input"])
    return case, differences(case, explained_account(answer), fates_of(answer))


@pytest.mark.parametrize(("action", "line"), CASES)
def test_what_is_printed_for_a_recorded_line_has_its_effect(
    action: str, line: RecordedLine
) -> None:
    """Facts and refusals are the recorded ones; each that is not has a reason."""
    case, found = compared(action, line)

    unexplained = [
        difference
        for difference in found
        if not any(rule.explains(case, difference) for rule in EXCUSES)
    ]

    assert unexplained == []


@pytest.mark.parametrize("mode", ["single", "batch"])
@pytest.mark.parametrize(("action", "line"), CASES)
def test_what_is_printed_is_what_the_action_wants(
    action: str, line: RecordedLine, mode: str
) -> None:
    """No excuse here: all that the payloads ask and nothing else, in either mode."""
    events = [  # each with an id of its own: together, a repeat is sent once
        {**event, "messageId": f"m{at}"}
        for at, event in enumerate(line["input"]["events"])
    ]
    given = {**line["input"], "mode": mode, "events": events}
    results = results_of(action, given)

    answer = explained(given)

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
        for line in lines(action)
        for case, found in [compared(action, line)]
        for difference in found
        if rule.explains(case, difference)
    ]

    assert needed
