"""Every recorded line has the recorded effect, save where the table says better.

Lines that stay equal are compared fact by fact on a small Klaviyo (`effects`); each
fact that differs needs a row of the table in `deviations`.
"""

from typing import Any

import pytest

from streams.actions.registry import ACTIONS
from tests.streams.actions.account_effects import after
from tests.streams.actions.deviations import RULES, Case, Difference
from tests.streams.actions.recorded_effects import RecordedLine, lines
from tests.streams.actions.vector_comparison import differences, fate_of, results_of

CASES = [
    pytest.param(action, line, id=f"{action}-{at}")
    for action in ACTIONS
    for at, line in enumerate(lines(action))
]


def compared(action: str, line: RecordedLine) -> tuple[Case, list[Difference]]:
    """Compare the effect of a recorded line with the recorded effect."""
    case = Case(line=line, results=results_of(action, line["input"]))
    knows = line["input"].get("server", {}).get("known") != "none"
    ours = after(case.intents, knows=knows)
    return case, differences(case, ours, list(map(fate_of, case.results)))


@pytest.mark.parametrize(("action", "line"), CASES)
def test_a_recorded_line_has_its_effect_or_a_listed_better_one(
    action: str, line: RecordedLine
) -> None:
    """Facts and fates equal the record, or a listed rule explains the difference."""
    case, differences_seen = compared(action, line)

    unexplained = [
        difference
        for difference in differences_seen
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
        for action in ACTIONS
        for line in lines(action)
        for case, differences_seen in [compared(action, line)]
        for difference in differences_seen
        if rule.explains(case, difference)
    ]

    assert explained
