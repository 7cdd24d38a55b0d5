"""Row events: their shape, and the text and the message id of a row."""

from typing import Any

import pytest

from streams.errors import PoisonRecord
from streams.events.row import (
    RowChange,
    changed_columns,
    is_row,
    is_snapshot,
    row_audience,
    row_change,
    row_event,
    row_key_text,
    row_message_id,
    row_model,
)

ROW = {"type": "track", "event": "new", "__segment_id": "7"}
PERSONAS = {"computation_class": "audience", "computation_key": "vips"}


def event_of(change: RowChange, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a row
    """Return a row event with some of its parts."""
    return row_event(
        change,
        source="shop",
        model="people",
        key="7",
        columns={"PLAN": "pro", "AGE": None},
        time_ms=1_767_323_045_678,
        message_id="row-1",
        **parts,
    )


def test_an_event_has_the_shape_of_segment() -> None:
    """Columns keep their case and their nulls; the key stands on top."""
    assert event_of(RowChange.ADDED) == {
        "type": "track",
        "event": "new",
        "messageId": "row-1",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "__segment_id": "7",
        "properties": {"PLAN": "pro", "AGE": None},
        "context": {"row": {"model": "people", "source": "shop"}},
    }


def test_an_event_has_the_parts_that_its_source_names() -> None:
    """The person, the audience, the snapshot and the changed columns."""
    event = event_of(
        RowChange.DELETED,
        user_id="u-1",
        email="ada@example.com",
        audience="vips",
        is_snapshot=True,
        changed={"b", "a"},
    )

    assert event["userId"] == "u-1"
    assert event["properties"]["vips"] is False
    assert event["context"] == {
        "row": {
            "model": "people",
            "source": "shop",
            "snapshot": True,
            "changed": ["a", "b"],
        },
        "traits": {"email": "ada@example.com"},
        "personas": PERSONAS,
    }
    assert is_row(event)
    assert row_change(event) is RowChange.DELETED
    assert row_model(event) == "people"
    assert row_audience(event) == "vips"
    assert is_snapshot(event)
    assert changed_columns(event) == frozenset({"a", "b"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, True, id="key"),
        pytest.param({"__segment_id": None}, True, id="null-key"),
        pytest.param({"event": "New"}, False, id="another-name"),
        pytest.param({"event": ["new"]}, False, id="unhashable-name"),
        pytest.param({"type": "identify"}, False, id="another-call"),
    ],
)
def test_a_row_event_is_recognised(changes: dict[str, Any], expected: bool) -> None:
    """A track call with the name of a change and a key, be it null."""
    assert is_row({**ROW, **changes}) is expected


def test_a_row_of_an_audience_needs_no_key() -> None:
    """Segment's audience of rows is recognised by its personas block."""
    event = {"type": "track", "event": "deleted"}

    assert is_row({**event, "context": {"personas": PERSONAS}})
    assert not is_row({**event, "context": {"personas": {"computation_key": "x"}}})
    assert not is_row(event)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["a-1"], "a-1", id="text"),
        pytest.param([7], "7", id="whole-number"),
        pytest.param([7.0], "7", id="whole-float"),
        pytest.param([2.5], "2.5", id="fraction"),
        pytest.param([0], "0", id="zero"),
        pytest.param([True], "true", id="boolean"),
        pytest.param(["a,b", "c"], '["a,b","c"]', id="composite"),
        pytest.param(["a", 7.0], '["a","7"]', id="composite-with-number"),
    ],
)
def test_a_key_becomes_text(values: list[object], expected: str) -> None:
    """A number is the same key whatever the type of its column."""
    assert row_key_text(values) == expected


@pytest.mark.parametrize(
    ("values", "code"),
    [
        pytest.param([], "no-row-key", id="no-columns"),
        pytest.param([None], "no-row-key", id="null"),
        pytest.param([" "], "no-row-key", id="blank"),
        pytest.param(["a", None], "no-row-key", id="null-in-composite"),
        pytest.param([{"a": 1}], "bad-row-key", id="object"),
        pytest.param([2.0**53], "bad-row-key", id="float-of-lost-digits"),
        pytest.param(["a", -1e22], "bad-row-key", id="such-a-float-in-composite"),
    ],
)
def test_a_key_that_is_none_is_refused(values: list[object], code: str) -> None:
    """Null is no key, alone or in a key of several columns."""
    with pytest.raises(PoisonRecord) as caught:
        row_key_text(values)

    assert caught.value.code == code


def test_a_message_id_is_the_same_for_the_same_change() -> None:
    """Parts are told apart, whatever characters they hold."""
    assert row_message_id(["s", "m", "7", "new", 12]) == row_message_id(
        ["s", "m", "7", "new", 12]
    )
    assert row_message_id(["a", "b,c"]) != row_message_id(["a,b", "c"])
    assert row_message_id(["a", None]) != row_message_id(["a", ""])


def test_an_event_without_a_row_section_names_nothing() -> None:
    """Segment's own rows name neither model nor changed columns."""
    assert row_model(ROW) == ""
    assert row_model({"context": {"row": {"model": 7}}}) == ""
    assert not is_snapshot(ROW)
    assert changed_columns(ROW) is None
