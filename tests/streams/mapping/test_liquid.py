"""`@liquid`: rendered templates, rejected templates, and limits."""

import pytest

from streams.mapping import MappingError, Unmappable, compile_mapping
from streams.mapping.liquid.limits import TEMPLATE_MAX_CHARS
from streams.mapping.values import Json

_EVENT: dict[str, Json] = {
    "a": 1,
    "b": "two",
    "none": None,
    "no": False,
    "yes": True,
    "list": [1, "x", None, {"k": "v"}],
    "deep": {"x": {"y": "deep"}, "with space": 1},
    "items": [{"id": "p", "n": 1.5}, {"id": "q", "n": 2}, None],
    "uni": "Zoë 漢字 🎉",
    "date": "2025-03-01T09:05:07.120Z",
    "html": "<b>&\"'</b>",
}


def _render(template: str) -> Json:
    return compile_mapping({"@liquid": template})(_EVENT)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("{{ deep.x.y }} {{ deep['with space'] }}", "deep 1", id="paths"),
        pytest.param("{{ none }}{{ x }}{{ x.y }}{{ b.y }}", "", id="nothing"),
        pytest.param(
            "{{ list }}|{{ deep }}", "1x[object Object]|[object Object]", id="big"
        ),
        pytest.param("{{ yes }} {{ 1.0 }} {{ -2.50 }}", "true 1 -2.5", id="scalars"),
        pytest.param("{{ list[1] }}{{ list.1 }}{{ list[-2] }}|", "xx|", id="index"),
        pytest.param("{{ list.size }}{{ b.size }}{{ deep.size }}", "432", id="size"),
        pytest.param("{{ list.first }}{{ list.last.k }}{{ b[0] }}", "1vt", id="ends"),
        pytest.param("{{ uni.size }}{{ uni[9] }}{{ a.size }}", "9", id="utf16"),
        pytest.param("{{ (1..3) }}{{ (1..a) }}", "1231", id="range"),
        pytest.param("{{ b | nope: 1 | upcase }}", "TWO", id="unknown-filter"),
        pytest.param('{{ "a\\"b\\n\\u0041\\101" }}', 'a"b\nAA', id="escapes"),
        pytest.param("{{ a == 1 and b == 'two' }}", "true", id="operators"),
        pytest.param("{% if yes or no and no %}A{% endif %}", "A", id="right-to-left"),
        pytest.param("{% if not no %}A{% else %}B{% endif %}", "A", id="not"),
        pytest.param(
            "{% if 0 %}0{% endif %}{% if '' %}e{% endif %}", "0e", id="truthy"
        ),
        pytest.param("{% if x == nil %}n{% endif %}", "n", id="nil"),
        pytest.param("{% if a == 2 %}2{% elsif a < 2 %}<{% endif %}", "<", id="elsif"),
        pytest.param("{% if b > 1 %}y{% else %}n{% endif %}", "n", id="no-order"),
        pytest.param(
            "{% if '10' > 9 %}y{% endif %}{% if b < 'z' %}z{% endif %}",
            "yz",
            id="order",
        ),
        pytest.param(
            "{% if list contains 'x' and b contains 'w' %}c{% endif %}",
            "c",
            id="contains",
        ),
        pytest.param(
            "{% if '' == empty and ' ' == blank %}e{% endif %}", "e", id="empty"
        ),
        pytest.param(
            "{% if blank == no %}b{% endif %}{% if empty < 1 %}x{% endif %}",
            "b",
            id="blank",
        ),
        pytest.param(
            "{% if list == list %}l{% endif %}{% if a == true %}t{% endif %}",
            "l",
            id="equal",
        ),
        pytest.param("{% if (1..2) == (1..2) %}r{% endif %}", "r", id="equal-ranges"),
        pytest.param("{% unless no %}u{% else %}e{% endunless %}", "u", id="unless"),
        pytest.param("{% assign x = a | plus: 1 %}{{ x }}", "2", id="assign"),
        pytest.param(
            "{% capture c %}[{{ b }}]{% endcapture %}{{ c }}", "[two]", id="capture"
        ),
        pytest.param(
            "{% increment a %}{% increment a %}{{ a }}", "123", id="increment"
        ),
        pytest.param("{% decrement z %}{% decrement z %}", "-1-2", id="decrement"),
        pytest.param("{% cycle 'a','b' %}{% cycle 'a','b' %}", "ab", id="cycle"),
        pytest.param("{% echo b | upcase %}", "TWO", id="echo"),
        pytest.param("{% liquid\nassign k = 'v'\necho k\n%}", "v", id="liquid"),
        pytest.param("{% raw %}{{ a }}{% endraw %}", "{{ a }}", id="raw"),
        pytest.param(
            "{% comment %}{{ a }}{% endcomment %}{% # no %}", "", id="comment"
        ),
        pytest.param("a {{- b -}} c", "atwoc", id="whitespace"),
        pytest.param("{% if yes %} {% endif %}|", " |", id="blank-branch-is-kept"),
        pytest.param("{% block x %}in{% endblock %}", "in", id="block"),
        pytest.param("a{% break %}b", "a", id="break"),
        pytest.param("a{% continue %}b", "a", id="continue"),
    ],
)
def test_a_template_is_rendered(template: str, expected: str) -> None:
    """Templates have Segment's tags and liquidjs's conversions."""
    assert _render(template) == expected


def test_now_is_only_a_word() -> None:
    """A replay of an event gives the same value."""
    mapping = compile_mapping({"@liquid": "{{ 'now' | date: '%Y' }}"})

    assert mapping({}) == "now"


@pytest.mark.parametrize(
    ("template", "wording"),
    [
        pytest.param("{% for i in a %}{% endfor %}", 'tag "for" is disabled', id="for"),
        pytest.param("{% case a %}{% endcase %}", 'tag "case" is disabled', id="case"),
        pytest.param("{% include 'a' %}", 'tag "include" is disabled', id="include"),
        pytest.param("{% layout %}", 'tag "layout" is disabled', id="layout"),
        pytest.param("{% render 'a' %}", 'tag "render" is disabled', id="render"),
        pytest.param("{% tablerow %}", 'tag "tablerow" is disabled', id="tablerow"),
        pytest.param("{% nope %}", 'tag "nope" not found', id="unknown"),
        pytest.param("{% doc %}{% enddoc %}", 'tag "doc" not found', id="doc"),
        pytest.param("{{ a | map: 'x' }}", 'filter "map" is disabled', id="map"),
        pytest.param("{{ a | uniq }}", 'filter "uniq" is disabled', id="uniq"),
        pytest.param("{{ a | append }}", "append expect 2 arguments", id="append"),
    ],
)
def test_what_segment_disables_is_refused(template: str, wording: str) -> None:
    """Disabled tags and filters are rejected at start, with line and column."""
    with pytest.raises(MappingError) as refused:
        compile_mapping({"o": {"@liquid": f"x\n {template}"}})

    line = f"{wording}, line:2, col:2"
    assert refused.value.wording == line
    assert refused.value.problems == (f"/o/@liquid: {line}",)


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("{{ }}", id="empty"),
        pytest.param("{{ a", id="open"),
        pytest.param("{% if a %}", id="no-end"),
        pytest.param("{% assign %}", id="assign"),
        pytest.param("a" * (TEMPLATE_MAX_CHARS + 1), id="too-long"),
        pytest.param("{% if a %}" * 40, id="too-deep"),
    ],
)
def test_a_broken_template_is_refused(template: str) -> None:
    """Every error of python-liquid becomes a mapping error."""
    with pytest.raises(MappingError):
        compile_mapping({"@liquid": template})


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(
            "{% assign s = b %}" + "{% assign s = s | append: s %}" * 30, id="doubling"
        ),
        pytest.param(
            "{% assign s = b %}" + "{% assign s = s | replace: '', s %}" * 12,
            id="replacing",
        ),
        pytest.param("{{ date | date: '%999999999d' }}", id="padding"),
        pytest.param("{{ (1..999999999999) | join }}", id="range"),
        pytest.param("{{ date | date: '%H', 'No/Where' }}", id="no-zone"),
        pytest.param("{{ '%zz' | url_decode }}{{ '%ff' | url_decode }}", id="no-utf8"),
    ],
)
def test_a_rendering_that_wants_too_much_is_given_up(template: str) -> None:
    """A rendering stops before using the memory, with a value, not an exception."""
    assert isinstance(_render(template), Unmappable)


@pytest.mark.parametrize(
    "payload", [pytest.param("text", id="text"), pytest.param([1], id="array")]
)
def test_a_payload_that_is_no_object_has_no_variables(payload: object) -> None:
    """Within `@arrayPath` an item may have any type."""
    mapping = compile_mapping({"@arrayPath": ["$.l", {"@liquid": "[{{ a }}]"}]})

    assert mapping({"l": [payload]}) == ["[]"]
