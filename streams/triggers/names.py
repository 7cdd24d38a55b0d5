"""Answers of triggers from the names of an event alone: the `type` and the `event`."""

from collections.abc import Collection, Iterable, Iterator
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


Names = tuple[str | None, str | None]
"""`type` and `event` of an event. None stands for every name that a trigger does not
compare with, and for an absent one."""


def answers_by_names(node: Node) -> dict[Names, bool | None]:
    """Return a trigger's answers for all names that are compared, and for others.

    An answer of None means that the names alone do not tell.
    """
    return {
        (kind, event): _answer(node, kind=kind, event=event)
        for kind in {*_names_compared(node, _KIND), None}
        for event in {*_names_compared(node, _EVENT), None}
    }


def events_by_name(node: Node) -> frozenset[str]:
    """Return the names of track calls that a trigger asks for, and may match.

    `event = "new"` asks for a name; `type = "track"` and `event != "x"` ask for none.
    """
    return frozenset(
        event
        for event in _names_compared(node, _EVENT, signs=("=",))
        if may_match(node, kind="track", event=event)
    )


def may_match(node: Node, *, kind: str, event: str) -> bool:
    """Return False if a trigger matches no event of a type and name."""
    return _answer(node, kind=kind, event=event) is not False


def _names_compared(
    node: Node, field: FieldPath, *, signs: Collection[str] = ("=", "!=")
) -> Iterator[str]:
    match node:
        case LiteralComparison(operand, sign, str() as literal):
            if operand == field and sign in signs:
                yield literal
        case Every(tests) | Either(tests):
            for test in tests:
                yield from _names_compared(test, field, signs=signs)
        case Negation(test):
            yield from _names_compared(test, field, signs=signs)
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
    """Return the decisive answer if any test gives that, else the other if all do."""
    combined: bool | None = not decisive
    for answer in answers:
        if answer is decisive:
            return decisive
        if answer is None:
            combined = None
    return combined
