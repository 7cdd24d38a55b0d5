"""The table of deviations names tests that exist, and misses no known deviation."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.streams.actions.deviations import RULES, Rule

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "streams" / "DEVIATIONS.md"

TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NUMBERED = re.compile(r"test_defect_0*(\d+)_")


def rows() -> list[list[str]]:
    """Give the cells of each row."""
    lines = TABLE.read_text().splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [row for row in cells if row[0] != "Segment"]


DEFINED = re.compile(r"^(?:async )?def (\w+)\(", re.MULTILINE)

ROWS = [pytest.param(row, id=f"{row[0]}-{at}") for at, row in enumerate(rows())]


@cache
def names_in(file: str) -> set[str]:
    """Name the tests of a file."""
    path = ROOT / file
    return set(DEFINED.findall(path.read_text())) if path.exists() else set()


@pytest.mark.parametrize("row", ROWS)
def test_each_row_names_tests_that_exist(row: list[str]) -> None:
    """Each row names a test; the tests of a defect have the defect's number."""
    *statements, tests = row
    named_tests = TEST.findall(tests)
    numbers = {
        int(number) for _, name in named_tests for number in NUMBERED.findall(name)
    }

    assert len(statements) == 4
    assert all(statements)
    assert named_tests
    assert [name for file, name in named_tests if name not in names_in(file)] == []
    assert not statements[0].isdecimal() or int(statements[0]) in numbers


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, id=f"defect-{rule.defect}") for rule in RULES]
)
def test_each_excused_difference_stands_in_the_table(rule: Rule) -> None:
    """The row has the same number or word as the rule."""
    excused = set(rule.defect.split(", "))

    assert excused <= {row[0] for row in rows()}
