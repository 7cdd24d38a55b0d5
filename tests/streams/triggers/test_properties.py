"""Properties of every trigger and every event."""

from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.triggers.errors import TriggerError
from streams.triggers.parsing import parse
from streams.triggers.tree import Node, Root
from streams.triggers.trigger import compile_predicate, compile_trigger
from tests.streams.triggers import naive_evaluation
from tests.streams.triggers.trees import any_json, events, trees
from tests.streams.triggers.trigger_text import trigger_text

ALPHABET = [
    *("type", "event", "userId", "properties.a", "traits", "context.b\\ c", "word"),
    *("=", "!=", "<", ">=", "==", "!", "not", "and", "or", "AND", "(", ")", ",", " "),
    *('"text"', '"', "'", "10", "-1.5", "1e1", "true", "null", "\\", ".", "\n", "é"),
    *("contains(", "match(", "lowercase(", "length(", "typeof(", "is_true("),
]


@given(tree=trees, event=events)
def test_a_compiled_trigger_equals_its_naive_evaluation(
    tree: Node, event: dict[str, Any]
) -> None:
    """The compiled predicate gives the result of the naive evaluation."""
    expected = naive_evaluation.evaluate(tree, event)

    assert compile_predicate(tree)(event) is expected


@given(tree=trees)
def test_a_tree_written_down_is_read_as_the_same_tree(tree: Node) -> None:
    """Writing and parsing a tree gives the same tree."""
    text = trigger_text(tree)

    assert parse(text) == tree


@given(tree=trees, event=any_json)
@example(tree=parse('length(properties.a) > 0 or lowercase(event) = "x"'), event={})
def test_any_json_is_answered_with_true_or_false(tree: Node, event: object) -> None:
    """An event of any shape gets a boolean."""
    trigger = compile_trigger(trigger_text(tree))

    assert trigger(event) in {True, False}


@given(tree=trees, sections=st.lists(any_json, min_size=8, max_size=8))
def test_any_json_under_the_keys_a_trigger_reads_is_answered(
    tree: Node, sections: list[Any]
) -> None:
    """A section need not be an object, and an event's name need not be text."""
    keys = get_args(Root)
    event = dict(zip(keys, sections, strict=True))

    assert compile_predicate(tree)(event) in {True, False}


def error_position(text: str) -> tuple[int, int]:
    """Return line and column of the error in a text, or (1, 1) without an error."""
    try:
        compile_trigger(text)({"type": "track"})
    except TriggerError as error:
        return error.line, error.column
    return 1, 1


@given(text=st.lists(st.sampled_from(ALPHABET) | st.text(max_size=3)).map("".join))
def test_any_text_is_a_trigger_or_refused_with_its_place(text: str) -> None:
    """Any text is parsed or rejected, with a position inside the text or at the end."""
    line, column = error_position(text)
    lines = text.split("\n")

    assert 1 <= line <= len(lines)
    assert 1 <= column <= len(lines[line - 1]) + 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * 50_000 + 'type = "x"' + ")" * 50_000, id="parentheses"),
        pytest.param("!" * 50_000 + '(type = "x")', id="negations"),
    ],
)
def test_groups_without_end_are_refused(text: str) -> None:
    """A trigger that is nested too deeply is an error, not a crash."""
    with pytest.raises(TriggerError, match="more than 100 groups in each other"):
        compile_trigger(text)


def test_a_trigger_may_have_thousands_of_clauses() -> None:
    """A long trigger is not a deep trigger."""
    trigger = compile_trigger(" or ".join(f'event = "{n}"' for n in range(5_000)))

    assert trigger({"event": "4999"}) is True
