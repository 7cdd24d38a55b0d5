"""Guess of a format from records."""

from typing import Any

import orjson
import pytest

from streams.errors import PoisonRecord
from streams.events.convert import convert_record
from streams.events.formats.source_record import DecodedRecord, SkippedRecord
from streams.events.guess import guess_format, guess_record
from streams.events.sources import RowTool, Source, SourceFormat
from tests.cases.malformed import GOOD as SEGMENT_EVENT
from tests.cases.sources import connect_jdbc, maxwell
from tests.cases.sources.case import Good
from tests.cases.sources.formats import GOOD, OPTIONS, source_of, source_record
from tests.streams.events.formats.debezium_harness import recorded_messages

AUTO = Source(name="s", topics=("t.source",), format=SourceFormat.AUTO)
SHOWS_NOTHING = {
    "rudderstack": {"group", "profile-id"},
    "canal": {"null"},
    "connect-jdbc": {"schema-deleted", "deleted", "deleted-by-the-users-key", "nested"},
    "maxwell": {
        "null",
        "bootstrap-start",
        "bootstrap-complete",
        "alter",
        "create",
        "drop",
    },
}
"""Cases without a mark of their format."""


def _decoded(value: Any, **headers: bytes) -> DecodedRecord:  # noqa: ANN401 - any JSON
    source = source_record(Good(id="", value=value, headers=tuple(headers.items())))
    return DecodedRecord(source=source, key=None, value=value)


CASES = [
    pytest.param(name, case, id=f"{name}-{case.id}")
    for name, cases in GOOD.items()
    for case in cases
    if case.id not in SHOWS_NOTHING.get(name, ())
]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_record_shows_its_format(name: str, case: Good) -> None:
    """Each format's own cases are recognised; tools of rows too."""
    record = DecodedRecord(source=source_record(case), key=case.key, value=case.value)

    guess = guess_record(record)

    assert guess.format == OPTIONS[name]["format"], guess
    assert guess.tool == OPTIONS[name].get("tool", RowTool.CONNECT_JDBC)
    assert guess.why


def test_recorded_messages_of_debezium_show_it() -> None:
    """All of them that have a value, whatever the connector's options were."""
    values = [orjson.loads(m["value"]) for m in recorded_messages() if m["value"]]

    guesses = {guess_record(_decoded(value)).format for value in values}

    assert len(values) > 100
    assert guesses == {SourceFormat.DEBEZIUM}


@pytest.mark.parametrize(
    ("value", "format_"),
    [
        pytest.param(SEGMENT_EVENT, SourceFormat.SEGMENT, id="segment"),
        pytest.param({"event": "V", "userId": "u"}, SourceFormat.SEGMENT, id="no-type"),
        pytest.param({"a": {"b": 1}}, None, id="nested"),
        pytest.param({"type": 7}, SourceFormat.ROWS, id="type-is-a-column"),
        pytest.param({"type": ["track"]}, SourceFormat.ROWS, id="type-is-a-list"),
        pytest.param({}, None, id="empty"),
        pytest.param([1], None, id="list"),
        pytest.param("text", None, id="text"),
        pytest.param(None, None, id="null"),
    ],
)
def test_values_of_other_shapes(value: Any, format_: SourceFormat | None) -> None:  # noqa: ANN401 - any JSON
    """A value without marks is no guess."""
    assert guess_record(_decoded(value)).format is format_


def test_most_records_decide_and_null_values_do_not() -> None:
    """A topic of rows is mostly null values after a purge."""
    row = _decoded(connect_jdbc.ROW)
    other = _decoded(maxwell.INSERT)

    guess = guess_format(
        [_decoded(None), _decoded(None), _decoded(None), row, row, other]
    )

    assert (guess.format, guess.tool) == (SourceFormat.ROWS, RowTool.CONNECT_JDBC)
    assert guess_format([_decoded(None)]).format is None
    assert guess_format([]).format is None


@pytest.mark.parametrize(("name", "case"), CASES)
def test_auto_makes_the_same_events(name: str, case: Good) -> None:
    """Of the options that the case has."""
    source = source_of(name, case)
    if source.to_event is not None:  # `auto` has no mapping
        return
    warnings: list[str] = []
    auto = Source(
        **{f: getattr(source, f) for f in Source.__dataclass_fields__ if f != "format"},
        format=SourceFormat.AUTO,
    )
    record = source_record(case)

    result = convert_record(record, auto, warn=warnings.append)

    assert result == convert_record(record, source)
    assert f"guessed to be {source.format}" in warnings[0]


def test_a_guess_is_in_the_text_of_a_dead_letter() -> None:
    """An operator sees why a record was read like that."""
    bad = source_record(Good(id="", value=maxwell.change(data=None)))

    with pytest.raises(PoisonRecord) as caught:
        convert_record(bad, AUTO)

    assert "the format is guessed: rows (maxwell)" in caught.value.reason


def test_a_record_that_shows_no_format_is_a_dead_letter_with_the_fix() -> None:
    """A null value is none: after a deletion it is nothing new."""
    with pytest.raises(PoisonRecord, match=r"sources\.s\.format") as caught:
        convert_record(source_record(Good(id="", value={"a": {"b": 1}})), AUTO)
    assert caught.value.code == "unknown-format"

    result = convert_record(source_record(Good(id="", value=None)), AUTO)

    assert isinstance(result, SkippedRecord)
    assert result.code == "tombstone"
