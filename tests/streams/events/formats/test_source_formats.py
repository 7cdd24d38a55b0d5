"""Source formats: what each record becomes, and every malformed form."""

from typing import Any

import msgspec
import pytest

from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin
from streams.events.convert import convert_record, read_events
from streams.events.formats.source_record import SkippedRecord, SourceRecord
from streams.events.sources import Source
from tests.cases.sources import canal, connect_jdbc, maxwell, rudderstack
from tests.cases.sources.case import Bad, Good
from tests.cases.sources.formats import (
    BAD,
    GOOD,
    NOW_MS,
    TOPIC,
    bodies,
    has_members,
    source_of,
    source_record,
)

MAX_BYTES = 1_000_000
GOOD_CASES = [
    pytest.param(name, case, id=f"{name}-{case.id}")
    for name, cases in GOOD.items()
    for case in cases
]
BAD_CASES = [
    pytest.param(name, case, id=f"{name}-{case.id}")
    for name, cases in BAD.items()
    for case in cases
]


@pytest.mark.parametrize(("name", "case"), GOOD_CASES)
def test_a_record_becomes_its_events(name: str, case: Good) -> None:
    """The events have the expected members, or the reason for none has its code."""
    source = source_of(name, case)

    result = convert_record(source_record(case), source)

    if isinstance(result, SkippedRecord):
        assert result.code == case.skipped
    else:
        assert not case.skipped
        events: list[Any] = bodies(result)
        assert len(events) == len(case.events), events
        for event, expected in zip(events, case.events, strict=True):
            assert has_members(event, expected), event
        assert len({event.get("messageId") for event in events}) == len(events)


@pytest.mark.parametrize(("name", "case"), GOOD_CASES)
def test_the_events_of_a_record_are_canonical_and_in_order(
    name: str, case: Good
) -> None:
    """A worker reads them; each has an origin of its own, later ones a greater one."""
    source = source_of(name, case)
    record = source_record(case)

    events = read_events(record, source, now_ms=NOW_MS, max_bytes=MAX_BYTES)

    assert len(events) == len(case.events)
    ranks = [event.rank for event in events]
    assert sorted(set(ranks)) == ranks
    assert [event.origin.index for event in events] == list(range(len(events)))


@pytest.mark.parametrize("name", BAD)
def test_a_format_has_25_malformed_forms(name: str) -> None:
    """And no two of the same name."""
    assert len({case.id for case in BAD[name]}) == len(BAD[name]) >= 25


@pytest.mark.parametrize(("name", "case"), BAD_CASES)
def test_a_malformed_record_is_refused_with_its_code(name: str, case: Bad) -> None:
    """The text says what is wrong, without a value of the record."""
    source = source_of(name, case)

    with pytest.raises(PoisonRecord) as caught:
        read_events(source_record(case), source, now_ms=NOW_MS, max_bytes=MAX_BYTES)

    assert caught.value.code == case.code
    assert "example.com" not in caught.value.reason


def _message_id(record: SourceRecord, source: Source) -> str:
    events = convert_record(record, source)
    assert not isinstance(events, SkippedRecord)
    message_id: str = bodies(events)[0]["messageId"]
    return message_id


def _without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


@pytest.mark.parametrize(
    ("name", "value", "key", "is_position_in_value"),
    [
        pytest.param("connect-jdbc", connect_jdbc.ROW, {"id": 7}, False, id="jdbc"),
        pytest.param(
            "maxwell",
            _without(maxwell.change(), "xid"),
            maxwell.KEY,
            False,
            id="maxwell-without-positions",
        ),
        pytest.param("maxwell", maxwell.change(), maxwell.KEY, True, id="maxwell"),
        pytest.param(
            "canal",
            _without(canal.message(), "id", "es"),
            None,
            False,
            id="canal-without-positions",
        ),
        pytest.param("canal", canal.message(), None, True, id="canal"),
        pytest.param(
            "rudderstack",
            _without(rudderstack.row(), "messageId"),
            None,
            False,
            id="rudderstack-without-an-id",
        ),
        pytest.param("rudderstack", rudderstack.row(), None, True, id="rudderstack"),
    ],
)
def test_a_content_that_comes_back_is_another_change(
    *,
    name: str,
    value: dict[str, Any],
    key: dict[str, Any] | None,
    is_position_in_value: bool,
) -> None:
    """A row goes to A, to B and back to A: the first and the third are alike.

    A record that is delivered again has the same id, by its offset. So has a copy of it
    at another offset, if the record itself names the change.
    """
    case = Good(id="row", value=value, key=key)
    source, first = source_of(name, case), source_record(case)
    third = msgspec.structs.replace(
        first, origin=Origin(topic=TOPIC, partition=0, offset=9)
    )

    first_id, again_id, third_id = (
        _message_id(record, source) for record in (first, first, third)
    )

    assert first_id == again_id
    assert (first_id == third_id) is is_position_in_value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", "too-deep", id="deep"),
        pytest.param(b'{"a":"' + b"a" * 999_980 + b'"}', "too-large", id="large"),
    ],
)
def test_an_event_beyond_the_bounds_is_refused(value: bytes, code: str) -> None:
    """The row is within the bounds, and the event that holds it is not."""
    case = Bad(id="", value=value, key=7, code=code)
    record, source = source_record(case), source_of("connect-jdbc", case)

    with pytest.raises(PoisonRecord) as caught:
        read_events(record, source, now_ms=NOW_MS, max_bytes=1_000_000)

    assert caught.value.code == code
