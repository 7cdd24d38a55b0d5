"""The path grammar, templates, and conversion of values to text."""

import pytest

from streams.mapping import UNDEFINED, compile_mapping
from streams.mapping.text import json_text, number_text
from streams.mapping.values import Json

_EVENT: dict[str, Json] = {
    "a": {"b c": 1, "d.e": 2, "f[g]": 3},
    "list": [{"x": 1}, "text"],
    "zero": 0,
    "none": None,
    "text": "e🎉",
    "html": "<b>{{zero}}</b>",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("$.zero", 0, id="rooted"),
        pytest.param("zero", 0, id="bare"),
        pytest.param("", _EVENT, id="empty"),
        pytest.param("$.", _EVENT, id="root"),
        pytest.param("$", UNDEFINED, id="dollar-is-a-key"),
        pytest.param("$.a.b c", 1, id="space"),
        pytest.param("$.a['b c']", 1, id="quoted"),
        pytest.param('$.a["b c"]', 1, id="double-quoted"),
        pytest.param("$.a['d.e']", UNDEFINED, id="a-dot-splits-even-in-quotes"),
        pytest.param("$.a.f[g]", 3, id="brackets-without-quote-are-key"),
        pytest.param("$.list[0].x", 1, id="index"),
        pytest.param("$.list.0.x", 1, id="index-by-dot"),
        pytest.param("$.list[9]", UNDEFINED, id="index-beyond"),
        pytest.param("$.list.01", UNDEFINED, id="no-index"),
        pytest.param("$.list.length", 2, id="length"),
        pytest.param("$.text.length", 3, id="length-in-utf16"),
        pytest.param("$.text[0]", "e", id="letter"),
        pytest.param("$.text[1]", "\ufffd", id="half-a-letter"),
        pytest.param("$.text[7]", UNDEFINED, id="letter-beyond"),
        pytest.param("$.zero.x", 0, id="of-something-falsy"),
        pytest.param("$.none.x", None, id="of-null"),
        pytest.param("$.list.x", UNDEFINED, id="no-such-key"),
        pytest.param("$.constructor.name", "Object", id="constructor-name"),
        pytest.param("$.list.constructor", UNDEFINED, id="constructor-is-no-json"),
        pytest.param(
            "$.list.constructor.constructor.name", "Function", id="constructor-of-it"
        ),
        pytest.param(
            "$.list.constructor.x", UNDEFINED, id="constructor-has-a-name-only"
        ),
    ],
)
def test_a_path_leads_to_a_value(path: str, expected: object) -> None:
    """A path is split like in the recorded kit."""
    assert compile_mapping({"@path": path})(_EVENT) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("{{zero}}{{ none }}{{x}}|", "0|", id="null-and-absent-are-empty"),
        pytest.param("{{html}}", "<b>{{zero}}</b>", id="nothing-escaped"),
        pytest.param("{{{html}}}", "<b>0</b>", id="triple-looked-at-again"),
        pytest.param(
            "{{list}} {{a}}", "[object Object],text [object Object]", id="big"
        ),
        pytest.param("{{zero}}}", "0}", id="one-brace-more"),
        pytest.param("{{$.zero}}", "", id="no-root-inside"),
        pytest.param("{{}}", "{{}}", id="empty"),
    ],
)
def test_a_template_is_filled_in(template: str, expected: str) -> None:
    """Values in a template are converted to text."""
    assert compile_mapping({"@template": template})(_EVENT) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(1, "1", id="integer"),
        pytest.param(1.0, "1", id="whole"),
        pytest.param(-0.0, "0", id="minus-zero"),
        pytest.param(12.5, "12.5", id="fraction"),
        pytest.param(1e20, "100000000000000000000", id="1e20"),
        pytest.param(1e21, "1e+21", id="1e21"),
        pytest.param(10**22, "1e+22", id="integer-1e22"),
        pytest.param(1.5e-6, "0.0000015", id="1.5e-6"),
        pytest.param(1e-7, "1e-7", id="1e-7"),
        pytest.param(-1.25e30, "-1.25e+30", id="minus-1.25e30"),
        pytest.param(12345678901234567890, "12345678901234567000", id="beyond-double"),
        pytest.param(10**400, "Infinity", id="beyond-all"),
        pytest.param(-(10**400), "-Infinity", id="below-all"),
        pytest.param(float("nan"), "NaN", id="nan"),
    ],
)
def test_a_number_is_written_in_the_fewest_digits(number: float, expected: str) -> None:
    """Numbers have the format of ECMA-262."""
    assert number_text(number) == expected


def test_json_text_has_indices_first_and_no_lone_surrogate() -> None:
    """Lone surrogates are escaped; values that are not JSON become null."""
    value = {"b": "é\ud83c", "10": float("inf"), "2": [True, None, object()]}

    assert json_text(value) == '{"2":[true,null,null],"10":null,"b":"é\\ud83c"}'
