"""Answer of a trigger from the names of an event alone: its `type` and `event`."""

from collections.abc import Iterable, Iterator
from typing import Final

from streams.triggers.tree import (
    Either,
    Every,
    FieldPath,
    LiteralComparison,
    Negation,
    Node,
    TextTest,
)

_KIND: Final = FieldPath("type")
_NAMES: Final = (_KIND, FieldPath("event"))


def names_compared(node: Node) -> Iterator[str]:
    """Yield the texts that a trigger compares with `type` or `event`."""
    match node:
        case LiteralComparison(operand, _, str() as literal) if operand in _NAMES:
            yield literal
        case Every(tests) | Either(tests):
            for test in tests:
                yield from names_compared(test)
        case Negation(test):
            yield from names_compared(test)
        case LiteralComparison() | TextTest():
            return


def answer_by_names(node: Node, *, kind: str | None, event: str | None) -> bool | None:
    """Return whether a trigger matches; None if the names alone do not tell.

    Args:
        node: Tree of the trigger.
        kind: The event's `type`; None for one that no trigger compares with.
        event: The event's `event`; None if absent, or for one that no trigger compares
            with.
    """
    match node:
        case LiteralComparison(operand, "=" | "!=" as sign, str() as literal):
            if operand not in _NAMES:
                return None
            name = kind if operand == _KIND else event
            return (name == literal) is (sign == "=")
        case Every(tests):
            answers = (answer_by_names(test, kind=kind, event=event) for test in tests)
            return _combine(answers, decisive=False)
        case Either(tests):
            answers = (answer_by_names(test, kind=kind, event=event) for test in tests)
            return _combine(answers, decisive=True)
        case Negation(test):
            answer = answer_by_names(test, kind=kind, event=event)
            return None if answer is None else not answer
        case LiteralComparison() | TextTest():
            return None


def _combine(answers: Iterable[bool | None], *, decisive: bool) -> bool | None:
    """Return the decisive answer if any test gives it, else the other if all do."""
    combined: bool | None = not decisive
    for answer in answers:
        if answer is decisive:
            return decisive
        if answer is None:
            combined = None
    return combined
