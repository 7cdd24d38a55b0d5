"""Tests that every confirmed defect of Segment has a test with the defect's number."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "cases" / "segment" / "README.md"
TESTS = Path(__file__).parents[2]

TABLE = Path(__file__).parents[3] / "streams" / "DEVIATIONS.md"

LISTED_AFTER = "## Confirmed defects"
NUMBER = re.compile(r"^(\d+)\. ", re.MULTILINE)
NAME = re.compile(r"def test_defect_(\d+)_")


ROW = re.compile(r"^\| (\d+) \|", re.MULTILINE)


def listed() -> set[int]:
    """Read the numbers of the list."""
    _, _, listing = README.read_text().partition(LISTED_AFTER)
    return set(map(int, NUMBER.findall(listing)))


def test_each_listed_defect_has_a_test_named_after_it() -> None:
    """The name of a test has the number of the defect."""
    numbers = {
        int(number)
        for file in TESTS.rglob("test_*.py")
        for number in NAME.findall(file.read_text())
    }

    assert {1, 36} <= listed()
    assert sorted(listed() - numbers) == []


def test_each_listed_defect_stands_in_the_table_of_deviations() -> None:
    """The table of deviations has the number of the defect."""
    rows = set(map(int, ROW.findall(TABLE.read_text())))

    assert sorted(listed() - rows) == []
