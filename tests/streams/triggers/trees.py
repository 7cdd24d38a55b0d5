"""Strategies for random trees, and for random events that trees may match."""

from typing import Any, cast

from hypothesis import strategies as st

from streams.triggers.literals import TYPE_NAMES
from streams.triggers.tree import (
    Call,
    Either,
    Every,
    FieldPath,
    LiteralComparison,
    Negation,
    Node,
    Operand,
    TextTest,
)

ORDERS = ["<", "<=", ">", ">="]
EQUALITIES = ["=", "!="]
OPERATORS = [*EQUALITIES, *ORDERS]
NAMES = ["a", "b c", "0", "1", "length", "é", "x-y", "-"]
SAMPLE_TEXTS = ["", "a", "A*", "*a", "aAa", "null", "true", "é", "\U0001f389", "10"]
NUMBERS = [-1, 0, 1, 1.5, 2, 10]

names = st.sampled_from(NAMES)
sample_texts = st.sampled_from(SAMPLE_TEXTS)
numbers = st.sampled_from(NUMBERS)
texts = sample_texts | st.text().filter(lambda text: '"' not in text)
scalars = st.none() | st.booleans() | numbers | sample_texts
json = st.recursive(
    scalars | st.text(max_size=4) | st.integers() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)
    ),
    max_leaves=12,
)
top_fields = st.sampled_from(["type", "event", "name", "userId"])
sections = st.sampled_from(["properties", "traits", "context", "integrations"])
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
events = st.dictionaries(top_fields | sections, json, max_size=7)


@st.composite
def nested_fields(draw: st.DrawFn) -> FieldPath:
    """Return a field below one of the sections."""
    return FieldPath(
        cast("Any", draw(sections)),
        tuple(draw(st.lists(names, min_size=1, max_size=3))),
    )


@st.composite
def top_comparisons(draw: st.DrawFn) -> LiteralComparison:
    """Return a comparison of a top-level field, with mostly text literals."""
    field = FieldPath(cast("Any", draw(top_fields)))
    rights = {"name": texts | st.none(), "userId": texts | st.none() | st.booleans()}
    right = draw(rights.get(field.root, texts))
    return LiteralComparison(
        field, cast("Any", draw(st.sampled_from(EQUALITIES))), right
    )


@st.composite
def nested_comparisons(draw: st.DrawFn) -> LiteralComparison:
    """Return a comparison of a field in a section."""
    right = draw(texts | scalars)
    ordered = isinstance(right, int | float) and not isinstance(right, bool)
    sign = draw(st.sampled_from(OPERATORS if ordered else EQUALITIES))
    return LiteralComparison(draw(nested_fields()), cast("Any", sign), right)


@st.composite
def call_comparisons(draw: st.DrawFn) -> LiteralComparison:
    """Return a comparison of a function of a field."""
    function = draw(st.sampled_from(["length", "lowercase", "typeof"]))
    rights = {"length": numbers, "typeof": st.sampled_from(TYPE_NAMES)}
    sign = draw(st.sampled_from(OPERATORS if function == "length" else EQUALITIES))
    return LiteralComparison(
        Call(cast("Any", function), draw(nested_fields())),
        cast("Any", sign),
        cast("Any", draw(rights.get(function, texts | st.none()))),
    )


@st.composite
def text_tests(draw: st.DrawFn) -> TextTest:
    """Return a test for a text inside a text."""
    field = draw(nested_fields() | st.just(FieldPath("event")))
    operand: Operand = Call("lowercase", field) if draw(st.booleans()) else field
    function = cast("Any", draw(st.sampled_from(["contains", "match"])))
    return TextTest(function, operand, draw(texts), draw(st.booleans()))


def _joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return inner.map(Negation) | several.map(Every) | several.map(Either)


clauses: st.SearchStrategy[Node] = st.one_of(
    nested_comparisons(), top_comparisons(), call_comparisons(), text_tests()
)
trees: st.SearchStrategy[Node] = st.recursive(clauses, _joined, max_leaves=6)
