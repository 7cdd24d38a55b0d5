"""Tests that YAML is read as it looks, or refused with the place and the fix."""

import pytest

from streams.errors import ConfigError
from streams.settings.yaml_reader import read_yaml


@pytest.mark.parametrize(
    ("text", "position"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", "line 3, column 1", id="top"),
        pytest.param("b:\n  a: 1\n  a: 2\n", "line 3, column 3", id="nested"),
        pytest.param("{a: 1, a: 2}", "line 1, column 8", id="flow"),
        pytest.param('{"a": 1, "a": 2}', "line 1, column 10", id="json"),
        pytest.param('a: 1\n"a": 2\n', "line 2, column 1", id="quoted-once"),
        pytest.param("- a: 1\n  a: 2\n", "line 2, column 3", id="in-a-list"),
    ],
)
def test_a_key_written_twice_is_refused(text: str, position: str) -> None:
    """The second would replace the first without a word."""
    with pytest.raises(ConfigError, match=f"{position}: the key a is written twice"):
        read_yaml(text)


SURPRISES = [
    *("yes", "no", "Yes", "NO", "on", "off"),
    *("2024_11", "1_000", "012345", "-07", "1:30", "12:30:45", "2024-11-01"),
    "2024-11-01 10:00:00",
]


@pytest.mark.parametrize("value", SURPRISES)
@pytest.mark.parametrize(
    "text", ["a: {}", "{}: a", "[{}]"], ids=["value", "key", "item"]
)
def test_what_programs_read_differently_is_refused(text: str, value: str) -> None:
    """An audience key would become a boolean or another number."""
    with pytest.raises(
        ConfigError, match=r"line 1, column \d+: an unquoted .*quote it"
    ):
        read_yaml(text.replace("{}", value))


@pytest.mark.parametrize("value", SURPRISES)
def test_a_quoted_value_is_text(value: str) -> None:
    """Quotes are the fix that the error names."""
    assert read_yaml(f"a: '{value}'") == {"a": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("true", True, id="boolean"),
        pytest.param("12", 12, id="number"),
        pytest.param("0", 0, id="zero"),
        pytest.param("0.5", 0.5, id="fraction"),
        pytest.param("null", None, id="null"),
        pytest.param("now", "now", id="text"),
        pytest.param("", None, id="empty"),
        pytest.param("|\n  no\n", "no\n", id="block"),
        pytest.param(
            "{action: a, on: [added]}", {"action": "a", "on": ["added"]}, id="rows"
        ),
    ],
)
def test_the_rest_is_read_as_it_looks(text: str, value: object) -> None:
    """Other values mean the same to every program."""
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: [", id="unclosed"),
        pytest.param("a: b: c", id="two-colons"),
        pytest.param("\tb: 1", id="tab"),
        pytest.param(b"\xff", id="not-utf8"),
        pytest.param("!!python/object:os.system {}", id="an-object"),
    ],
)
def test_what_is_not_yaml_is_refused(text: str | bytes) -> None:
    """The error names no value, which could be a secret."""
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read_yaml(text)
