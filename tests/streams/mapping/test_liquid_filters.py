"""Filters of `@liquid`, one row per behaviour."""

import pytest

from streams.mapping import compile_mapping
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
    ("expression", "expected"),
    [
        pytest.param("5 | divided_by: 2", "2.5", id="divided_by"),
        pytest.param("7 | divided_by: 2, true", "3", id="divided_by-whole"),
        pytest.param("1 | divided_by: 0", "Infinity", id="divided_by-0"),
        pytest.param("-7 | modulo: 3", "2", id="modulo"),
        pytest.param("1 | modulo: 0", "NaN", id="modulo-0"),
        pytest.param("'3.7' | floor | plus: 'x' | minus: 1", "2", id="text-as-number"),
        pytest.param("3.456 | round: 2", "3.46", id="round"),
        pytest.param("-2.5 | round", "-3", id="round-below-0"),
        pytest.param(
            "3 | at_least: 5 | at_most: 4 | times: 2 | abs | ceil", "8", id="more"
        ),
        pytest.param("'0x10' | plus: ' 1 '", "17", id="hexadecimal"),
        pytest.param("'0xg' | plus: '1e'", "0", id="no-number"),
        pytest.param(
            "'Infinity' | minus: 1 | floor | round", "Infinity", id="infinity"
        ),
        pytest.param("b | append: a | prepend: none", "two1", id="append"),
        pytest.param("'aXbX' | replace: 'X', '-' | remove: 'a'", "-b-", id="replace"),
        pytest.param("'abc' | replace: '', '-'", "a-b-c", id="replace-nothing"),
        pytest.param(
            "'aXbX' | replace_first: 'X', '1' | replace_last: 'X', '2'",
            "a1b2",
            id="ends",
        ),
        pytest.param(
            "'aXbX' | remove_first: 'a' | remove_last: 'X'", "Xb", id="remove"
        ),
        pytest.param("'ANN lee' | capitalize", "Ann lee", id="capitalize"),
        pytest.param("b | upcase | downcase", "two", id="cases"),
        pytest.param("'xxaxx' | lstrip: 'x' | append: '.'", "axx.", id="lstrip"),
        pytest.param("' a ' | strip | append: '.'", "a.", id="strip"),
        pytest.param("' a ' | rstrip | append: '.'", " a.", id="rstrip"),
        pytest.param("'hello world foo' | truncate: 8", "hello...", id="truncate"),
        pytest.param("b | truncate", "two", id="truncate-short"),
        pytest.param("'one two three' | truncatewords: 2, '!'", "one two!", id="words"),
        pytest.param("'one' | truncatewords: 2", "one", id="words-short"),
        pytest.param("' a  b ' | normalize_whitespace", " a b ", id="whitespace"),
        pytest.param("'a b  c' | number_of_words", "3", id="number_of_words"),
        pytest.param("uni | number_of_words: 'cjk'", "4", id="cjk"),
        pytest.param("uni | number_of_words: 'auto'", "4", id="cjk-auto"),
        pytest.param("'a,b,,' | split: ',' | json", '["a","b"]', id="split"),
        pytest.param("'abc' | split: '' | join", "a b c", id="join"),
        pytest.param("b | slice: -2, 2", "wo", id="slice"),
        pytest.param("list | slice: 1, 1 | join | append: none", "x", id="slice-array"),
        pytest.param("none | slice: 1", "", id="slice-nil"),
        pytest.param("list | compact | size", "3", id="compact"),
        pytest.param("list | first", "1", id="first"),
        pytest.param("list | last | json", '{"k":"v"}', id="last"),
        pytest.param("a | first", "", id="first-of-none"),
        pytest.param("a | size", "0", id="size-of-none"),
        pytest.param("items | sum: 'n'", "3.5", id="sum"),
        pytest.param("items | where: 'id', 'q' | size", "1", id="where"),
        pytest.param("items | where: 'n' | size", "2", id="where-true"),
        pytest.param(
            "list | push: 1 | unshift: 2 | pop | shift | size", "4", id="ends-of-array"
        ),
        pytest.param("list | sample", "1", id="sample-is-the-first"),
        pytest.param("list | sample: 2", "1x", id="sample-some"),
        pytest.param("none | sample", "", id="sample-nil"),
        pytest.param(
            "html | escape", "&lt;b&gt;&amp;&#34;&#39;&lt;/b&gt;", id="escape"
        ),
        pytest.param("'&lt;<' | escape_once", "&lt;&lt;", id="escape_once"),
        pytest.param(
            "'<style>x</style>y<!-- z -->w<b' | strip_html", "yw<b", id="strip_html"
        ),
        pytest.param("'a b&c!' | url_encode", "a+b%26c!", id="url_encode"),
        pytest.param("'a%20b+c' | url_decode", "a b c", id="url_decode"),
        pytest.param("'a b!' | cgi_escape", "a+b%21", id="cgi_escape"),
        pytest.param("'a b[1]?' | uri_escape", "a%20b[1]?", id="uri_escape"),
        pytest.param("'Zoë B_c!' | slugify", "zoë-b-c", id="slugify"),
        pytest.param("'Zoë B' | slugify: 'latin', true", "Zoe-B", id="slugify-latin"),
        pytest.param("b | base64_encode", "dHdv", id="base64_encode"),
        pytest.param("'dHdv' | base64_decode", "two", id="base64_decode"),
        pytest.param("b | sha256 | slice: 0, 8", "3fc4ccfe", id="sha256"),
        pytest.param("b | hmac_sha256: 'k' | size", "64", id="hmac_sha256"),
        pytest.param("none | json", "null", id="json-null"),
        pytest.param("x | json", "", id="json-nothing"),
        pytest.param("(1..2) | jsonify", "[1,2]", id="json-range"),
        pytest.param("'4.5' | to_integer", "4.5", id="to_integer"),
        pytest.param("no | default: 'd'", "d", id="default"),
        pytest.param("no | default: 'd', allow_false: true", "false", id="allow_false"),
        pytest.param("empty | default: 'd'", "d", id="default-empty"),
        pytest.param("0 | default: 'd'", "0", id="default-0"),
        pytest.param(
            "date | date: '%Y-%m-%d %-d|%e|%_H|%^b'",
            "2025-03-01 1| 1| 9|MAR",
            id="date",
        ),
        pytest.param(
            "date | date", "Saturday, March 1, 2025 at 9:05 am +0000", id="date-default"
        ),
        pytest.param(
            "date | date: '%L %N %3N %s %j %U %W %u %w'",
            "120 120000000 120 1740819907 060 08 08 6 6",
            id="date-parts",
        ),
        pytest.param(
            "date | date: '%c|%x|%X|%Z|%:z|%q|%C|%y|%?'",
            "3/1/2025, 9:05:07 AM|3/1/2025|9:05:07 AM|UTC|+00:00|st|20|25|%?",
            id="date-more",
        ),
        pytest.param("date | date: '%H:%M %z', -120", "11:05 +0200", id="date-offset"),
        pytest.param(
            "date | date: '%H %Z', 'Europe/Berlin'", "10 Europe/Berlin", id="date-zone"
        ),
        pytest.param("'1740819907' | date: '%F%M'", "%F05", id="date-seconds"),
        pytest.param("1740819907 | date: '%I%p'", "09AM", id="date-number"),
        pytest.param(
            "'Sat, 01 Mar 2025 10:00:00 +0200' | date: '%H'", "08", id="date-rfc2822"
        ),
        pytest.param("'2025-03' | date: '%d'", "01", id="date-month"),
        pytest.param("'2025-13-01' | date: '%d'", "2025-13-01", id="no-date"),
        pytest.param("none | date: '%Y'", "", id="date-nil"),
        pytest.param("yes | date: '%Y'", "1970", id="date-true"),
        pytest.param(
            "date | date_to_xmlschema", "2025-03-01T09:05:07+00:00", id="xmlschema"
        ),
        pytest.param(
            "date | date_to_rfc822", "Sat, 01 Mar 2025 09:05:07 +0000", id="rfc822"
        ),
        pytest.param("date | date_to_string", "01 Mar 2025", id="date_to_string"),
        pytest.param(
            "date | date_to_long_string: 'ordinal'", "1st March 2025", id="ordinal"
        ),
        pytest.param(
            "date | date_to_string: 'ordinal', 'US'", "Mar 1st, 2025", id="us"
        ),
    ],
)
def test_a_filter_makes_its_value(expression: str, expected: str) -> None:
    """Each filter gives the result of liquidjs 10."""
    assert _render(f"{{{{ {expression} }}}}") == expected
