"""Every recorded trigger gives the recorded result, except for listed deviations.

A trigger that is rejected matches no event, like in Segment. Segment misreads some
texts (`type = ` tests for the type "eos"); such triggers are rejected here.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streams.triggers.errors import TriggerError
from streams.triggers.trigger import compile_trigger

VECTORS = Path(__file__).parents[2] / "cases" / "segment" / "fql.jsonl"
TEXT = re.compile(r'"[^"]*"')


def depths(fql: str) -> Iterator[int]:
    """Yield the number of open parentheses after each character."""
    open_count = 0
    for char in fql:
        open_count += (char == "(") - (char == ")")
        yield open_count


def mixes_and_with_or(fql: str) -> bool:
    """Return True if `and` and `or` occur on the same level of parentheses."""
    levels = list(depths(fql))
    operators = [
        (levels[operator.start()], operator[0].lower())
        for operator in re.finditer(r"\b(and|or)\b", fql, re.IGNORECASE)
    ]
    return any(
        {(level, "and"), (level, "or")} <= set(operators) for level, _ in operators
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Rule by which a result differs from the recorded result, on purpose."""

    reason: str
    applies: Callable[[str], object]


DEVIATIONS = (
    Deviation(
        reason="34: Segment's last and/or counts for all; here and binds tighter",
        applies=mixes_and_with_or,
    ),
    Deviation(
        reason="34: Segment drops a ! or not before anything but contains and match",
        applies=re.compile(r"!\s*(?!contains\b|match\b|=|\s)|\b(?i:not)\b").search,
    ),
    Deviation(
        reason="34: Segment ends every open group at the first closing parenthesis",
        applies=lambda fql: max(depths(fql), default=0) > 1,
    ),
    Deviation(
        reason="34: Segment drops a closing parenthesis too many; here it is refused",
        applies=lambda fql: min(depths(fql), default=0) < 0,
    ),
    Deviation(
        reason="34: Segment compares != true and != false with a text",
        applies=re.compile(r"!=\s*(true|false)\b").search,
    ),
    Deviation(
        reason="asked for: Segment's destinations refuse these functions of FQL",
        applies=re.compile(r"\b(lowercase|length|typeof)\(").search,
    ),
    Deviation(
        reason="Segment drops an OR in capitals and reads and; here it is an or",
        applies=re.compile(r"\b(OR|Or|oR)\b").search,
    ),
    Deviation(
        reason="Segment needs a space after != and around < and >; here none",
        applies=re.compile(r"(!=|<=?|>=?)(?![\s=])|[^\s!<>=](<|>)").search,
    ),
)


def reasons(fql: str) -> list[str]:
    """Return the reasons for a different result; quoted texts are ignored."""
    bare = TEXT.sub('""', fql)
    return [rule.reason for rule in DEVIATIONS if rule.applies(bare)]


def vectors() -> list[Any]:
    """Return one case per recorded line."""
    lines = VECTORS.read_text().splitlines()
    return [
        pytest.param(json.loads(line), id=f"line-{number}")
        for number, line in enumerate(lines, start=1)
    ]


def answer(fql: str, event: Any) -> bool | None:  # noqa: ANN401 - any JSON
    """Return True if the event matches, or None if the trigger is rejected."""
    try:
        return compile_trigger(fql)(event)
    except TriggerError:
        return None


@pytest.mark.parametrize("vector", vectors())
def test_a_recorded_trigger_answers_as_recorded(vector: dict[str, Any]) -> None:
    """The result is as recorded, or differs for a listed reason."""
    answered = answer(vector["fql"], vector["event"])
    recorded = "parse_error" not in vector and vector["matches"]

    assert bool(answered) is recorded or reasons(vector["fql"])


@pytest.mark.parametrize("vector", vectors())
def test_what_segment_cannot_read_is_refused(vector: dict[str, Any]) -> None:
    """A trigger that never matched does not start to match without a listed reason."""
    refused = answer(vector["fql"], vector["event"]) is None

    assert "parse_error" not in vector or refused or reasons(vector["fql"])


@pytest.mark.parametrize(
    "fql",
    [
        pytest.param('type = "track"', id="one-clause"),
        pytest.param('event = "a or b" and name = "x (y) not z"', id="words-quoted"),
        pytest.param('type != "x" and !contains(event, "y")', id="negative-clauses"),
        pytest.param('type = "a" and (event = "b" or event = "c")', id="one-group"),
    ],
)
def test_a_plain_trigger_has_no_excuse(fql: str) -> None:
    """The listed reasons do not apply to simple triggers."""
    assert reasons(fql) == []
