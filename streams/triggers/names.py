"""Answers of triggers from the names of an event alone: its `type` and `event`."""

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
_EVENT: Final = FieldPath("event")


class NameAnswers:
    """Answers of a trigger for the names that it compares, and for all others.

    Args:
        node: Tree of the trigger.

    Attributes:
        names: The names that the trigger compares.
    """

    def __init__(self, node: Node) -> None:
        self._kinds = {*_names_compared(node, _KIND)}
        self._events = {*_names_compared(node, _EVENT)}
        self._answers = {
            (kind, event): _answer(node, kind=kind, event=event)
            for kind in (*self._kinds, None)
            for event in (*self._events, None)
        }
        self.names = self._kinds | self._events

    def answer(self, kind: str | None, event: str | None) -> bool | None:
        """Return whether the trigger matches; None if the names alone do not tell.

        Args:
            kind: The event's `type`; None for one that no trigger compares with.
            event: The event's `event`; None if absent, or for one that no trigger
                compares with.
        """
        kind = kind if kind in self._kinds else None
        event = event if event in self._events else None
        return self._answers[kind, event]


def _names_compared(node: Node, field: FieldPath) -> Iterator[str]:
    match node:
        case LiteralComparison(operand, _, str() as literal) if operand == field:
            yield literal
        case Every(tests) | Either(tests):
            for test in tests:
                yield from _names_compared(test, field)
        case Negation(test):
            yield from _names_compared(test, field)
        case LiteralComparison() | TextTest():
            return


def _answer(node: Node, *, kind: str | None, event: str | None) -> bool | None:
    match node:
        case LiteralComparison(operand, "=" | "!=" as sign, str() as literal):
            if operand not in (_KIND, _EVENT):
                return None
            name = kind if operand == _KIND else event
            return (name == literal) is (sign == "=")
        case Every(tests):
            answers = (_answer(test, kind=kind, event=event) for test in tests)
            return _combine(answers, decisive=False)
        case Either(tests):
            answers = (_answer(test, kind=kind, event=event) for test in tests)
            return _combine(answers, decisive=True)
        case Negation(test):
            answer = _answer(test, kind=kind, event=event)
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
