"""A wrong trigger is rejected with the position and the expected tokens."""

import pytest

from streams.errors import ConfigError
from streams.triggers.errors import TriggerError
from streams.triggers.trigger import compile_trigger

FIELDS = "type, event, name, userId, properties.x, traits.x, context.x, integrations.x"
CLAUSE = (
    f"{FIELDS}, contains(), match(), lowercase(), length(), typeof(), is_true(), "
    "is_false(), ( or !"
)
OPERATORS = "=, !=, <, <=, > or >="
VALUE = "a word, a text between double quotes, a number, true, false or null"
MORE = "and, or or the end"


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        pytest.param("", 1, 1, f"found the end; expected {CLAUSE}", id="empty"),
        pytest.param(" \n ", 1, 1, f"found the end; expected {CLAUSE}", id="blank"),
        pytest.param("type = ", 1, 7, f"found the end; expected {VALUE}", id="value"),
        pytest.param("type", 1, 5, f"found the end; expected {OPERATORS}", id="field"),
        pytest.param(
            'type * "x"', 1, 6, f"found `*`; expected {OPERATORS}", id="operator"
        ),
        pytest.param(
            'type == "x"', 1, 6, f"found `==`; expected {OPERATORS}", id="two-equals"
        ),
        pytest.param(
            'type = "x" and\n  messageId = "y"',
            *(2, 3, f"found `messageId`; expected {CLAUSE}"),
            id="unknown-field-on-line-two",
        ),
        pytest.param(
            "userId.x = 1", 1, 1, f"found `userId.x`; expected {CLAUSE}", id="below-top"
        ),
        pytest.param(
            "type = 'x'", 1, 8, f"found `'x`; expected {VALUE}", id="single-quotes"
        ),
        pytest.param(
            'type = "x', 1, 8, f'found `"x`; expected {VALUE}', id="text-not-closed"
        ),
        pytest.param(
            "properties.a = 1e1", 1, 16, f"found `1e1`; expected {VALUE}", id="exponent"
        ),
        pytest.param(
            "properties.a = properties.b",
            *(1, 16, f"found `properties.b`; expected {VALUE}"),
            id="field-against-field",
        ),
        pytest.param(
            "properties.a = True",
            *(1, 16, f"found `True`; expected {VALUE}"),
            id="true-in-capitals",
        ),
        pytest.param(
            "properties.a[0] = 1",
            *(1, 13, f"found `[0`; expected {OPERATORS}"),
            id="bracket",
        ),
        pytest.param(
            'type = "x" event = "y"',
            *(1, 12, f"found `event`; expected {MORE}"),
            id="no-and",
        ),
        pytest.param(
            'type = "x" && event = "y"',
            *(1, 12, f"found `&&`; expected {MORE}"),
            id="ampersands",
        ),
        pytest.param(
            '(type = "x"', 1, 12, "found the end; expected ), and or or", id="open"
        ),
        pytest.param(
            'type = "x")', 1, 11, f"found `)`; expected {MORE}", id="closed-twice"
        ),
        pytest.param(
            'contains(properties.a "x")',
            *(1, 23, 'found `"x`; expected a comma'),
            id="no-comma",
        ),
        pytest.param(
            "match(event)", 1, 12, "found `)`; expected a comma", id="no-pattern"
        ),
        pytest.param(
            'contains(type, "x")',
            *(1, 10, f"found `type`; expected {FIELDS[6:]} or lowercase()"),
            id="contains-of-type",
        ),
        pytest.param(
            'properties.a > "x"',
            *(1, 16, 'found `"x"`; expected a number'),
            id="order-of-texts",
        ),
        pytest.param(
            "properties.a < null", 1, 16, "found `null`; expected a number", id="null"
        ),
        pytest.param(
            f"properties.a = {'9' * 400}",
            *(1, 16, "the number is too large"),
            id="infinite",
        ),
        pytest.param(
            "length(name) = x", 1, 16, "found `x`; expected a number", id="length"
        ),
        pytest.param(
            "typeof(name) = text",
            *(1, 16, "`text` is not a type; expected string, number, list, object"),
            id="typeof",
        ),
        pytest.param(
            "is_true(event)",
            *(1, 1, "event is a text; expected a field of true or false"),
            id="flag-of-a-text",
        ),
        pytest.param(
            "traits.\\. = 1",
            *(1, 1, "traits without a field; expected traits.x"),
            id="dots-only",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(
    text: str, line: int, column: int, what: str
) -> None:
    """The error has line and column, the actual token and the expected tokens."""
    with pytest.raises(TriggerError) as caught:
        compile_trigger(text)

    assert (caught.value.line, caught.value.column) == (line, column)
    assert f"line {line}, column {column}: {what}" in str(caught.value)


def test_a_wrong_trigger_is_a_mistake_of_the_configuration() -> None:
    """The error is a ConfigError with one line."""
    with pytest.raises(ConfigError) as caught:
        compile_trigger("type =")

    assert len(caught.value.problems) == 1
