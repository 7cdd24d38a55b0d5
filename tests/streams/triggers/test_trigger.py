"""Each part of the trigger language, evaluated on events."""

from typing import Any

import pytest

from streams.triggers.trigger import compile_trigger

ORDER: dict[str, Any] = {
    "type": "track",
    "event": "Order Paid",
    "name": None,
    "userId": "u-1",
    "properties": {
        "total": 12.5,
        "count": 3,
        "code": "3",
        "gift": False,
        "paid": True,
        "note": 'a \\ "b" c*',
        "gone": None,
        "items": [{"sku": "A"}, {"sku": "B"}],
        "two words": "yes",
        "dash-ed": 1,
        "7th": "day",
        "address": {"city": "Zürich", "lines": []},
        "properties": "inner",
    },
    "traits": {"plan": "pro"},
    "context": {"page": {"url": "https://a.test/?b=c"}},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        pytest.param('type = "track"', True, id="text-equal"),
        pytest.param('type = "Track"', False, id="case-counts"),
        pytest.param('event != "Order Paid"', False, id="text-unequal"),
        pytest.param('properties.none != "x"', True, id="nothing-is-unequal-to-a-text"),
        pytest.param("properties.count = 3", True, id="number-equal"),
        pytest.param("properties.code = 3", False, id="text-is-no-number"),
        pytest.param("properties.none != 3", False, id="nothing-is-no-other-number"),
        pytest.param("properties.count != 4", True, id="another-number"),
        pytest.param("properties.paid = 1", False, id="true-is-no-number"),
        pytest.param("properties.total > 12", True, id="more"),
        pytest.param("properties.total >= 12.5", True, id="at-least"),
        pytest.param("properties.total < +12.5", False, id="less"),
        pytest.param("properties.total <= 012.50", True, id="at-most"),
        pytest.param('properties.total > "12"', True, id="a-text-that-is-a-number"),
        pytest.param("properties.code > 1", False, id="an-order-needs-a-number"),
        pytest.param("properties.paid = true", True, id="true"),
        pytest.param("properties.gift = false", True, id="false"),
        pytest.param("properties.none = false", False, id="nothing-is-not-false"),
        pytest.param("is_true(properties.paid)", True, id="is-true"),
        pytest.param("is_false(properties.paid)", False, id="is-false"),
        pytest.param("properties.gone = null", True, id="null"),
        pytest.param("properties.none = null", True, id="absent-is-null"),
        pytest.param("userId != null", True, id="present"),
        pytest.param("name = null", True, id="no-name"),
        pytest.param("event != null", True, id="null-is-a-word-for-an-event"),
        pytest.param("userId = u-1", True, id="a-bare-word-is-a-text"),
        pytest.param("event = Order\\ Paid", True, id="an-escaped-word"),
    ],
)
def test_a_comparison_asks_for_value_and_type(text: str, *, matches: bool) -> None:
    """A number is not a text, and only null matches an absent value."""
    trigger = compile_trigger(text)

    assert trigger(ORDER) is matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        pytest.param('contains(event, "er P")', True, id="contains"),
        pytest.param('contains(event, "er p")', False, id="contains-case"),
        pytest.param('!contains(event, "x")', True, id="text-without"),
        pytest.param('!contains(name, "x")', False, id="no-text-to-be-without"),
        pytest.param("contains(properties.code, 3)", True, id="number-is-its-text"),
        pytest.param('match(event, "Order*")', True, id="begins"),
        pytest.param('match(event, "*Paid")', True, id="ends"),
        pytest.param('match(event, "Paid*")', False, id="does-not-begin"),
        pytest.param('!match(event, "*Refunded")', True, id="does-not-end"),
        pytest.param('!match(properties.count, "*4")', False, id="no-text-to-match"),
        pytest.param('match(event, "*")', True, id="any-text"),
        pytest.param('match(properties.note, "*c*")', False, id="one-wildcard-only"),
        pytest.param('match(properties.note, "*c*") or type = track', True, id="or"),
        pytest.param('lowercase(event) = "order paid"', True, id="lowercase"),
        pytest.param("lowercase(properties.count) = null", True, id="lowercase-none"),
        pytest.param('contains(lowercase(event), "order")', True, id="lowercase-in"),
        pytest.param("length(properties.items) = 2", True, id="length-of-list"),
        pytest.param("length(properties.address.city) = 7", True, id="length-in-bytes"),
        pytest.param("length(properties.none) > 0", False, id="length-of-nothing"),
        pytest.param('typeof(type) = "string"', True, id="type-string"),
        pytest.param("typeof(properties.count) = number", True, id="type-number"),
        pytest.param("typeof(properties.paid) = bool", True, id="type-bool"),
        pytest.param("typeof(properties.items) = list", True, id="type-list"),
        pytest.param("typeof(properties.address) = object", True, id="type-object"),
        pytest.param('typeof(properties.none) != "null"', False, id="type-null"),
    ],
)
def test_a_function_asks_for_a_part_or_a_measure(text: str, *, matches: bool) -> None:
    """Only a text contains or matches; only lists and texts have a length."""
    trigger = compile_trigger(text)

    assert trigger(ORDER) is matches


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('properties.address.city = "Zürich"', id="nested"),
        pytest.param('properties.two\\ words = "yes"', id="escaped-space"),
        pytest.param("properties.dash-ed = 1", id="dash"),
        pytest.param("properties.dash\\-ed = 1", id="escaped-dash"),
        pytest.param('properties.\\7th = "day"', id="escaped-first-digit"),
        pytest.param('properties.items\\[1\\].sku = "B"', id="element-of-a-list"),
        pytest.param("properties.items.length = 2", id="length-of-a-list"),
        pytest.param("properties.address.city.length = 6", id="length-of-a-text"),
        pytest.param("properties.gone.below = null", id="below-null"),
        pytest.param("properties.gift.below = false", id="below-false-is-false"),
        pytest.param("properties.count.below = null", id="below-a-number"),
        pytest.param("properties.items\\.9 = null", id="no-such-element"),
        pytest.param('properties = "inner"', id="a-section-alone-is-its-own-field"),
        pytest.param('traits.plan = "pro"', id="traits"),
        pytest.param("contains(context.page.url, a\\.test)", id="context"),
        pytest.param('properties.note = "a \\ "\n or type = "track"', id="backslash"),
        pytest.param('properties.note = a\\ \\\\\\ \\"b\\"\\ c\\*', id="all-escaped"),
        pytest.param(' type="track"\n\tAND\r\nuserId!=null ', id="any-space-or-none"),
    ],
)
def test_a_path_leads_to_a_value(text: str) -> None:
    """Dots separate keys; a backslash escapes a special character."""
    trigger = compile_trigger(text)

    assert trigger(ORDER) is True


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(None, id="null"),
        pytest.param("", id="text"),
        pytest.param([], id="list"),
        pytest.param(7, id="number"),
    ],
)
def test_what_is_no_object_never_matches(event: object) -> None:
    """A value that is not an object never matches, even a test for null."""
    trigger = compile_trigger("name = null or !(name = null)")

    assert trigger(event) is False


def test_a_trigger_keeps_its_text() -> None:
    """The text is kept for logs; two triggers with the same text are equal."""
    trigger = compile_trigger('type = "track"')

    assert trigger.text == 'type = "track"'
    assert trigger == compile_trigger('type = "track"')
