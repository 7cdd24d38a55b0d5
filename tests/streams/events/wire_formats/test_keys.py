"""Keys of an unknown kind: JSON, text, or a number of Kafka's serializers."""

import orjson
import pytest

from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin
from streams.events.convert import convert_record
from streams.events.formats.source_record import SkippedRecord, SourceRecord
from streams.events.sources import Source, SourceFormat

SOURCE = Source(name="s", topics=("t",), format=SourceFormat.ROWS, model="m")


def _key_of(raw: bytes) -> str:
    record = SourceRecord(
        origin=Origin(topic="t", partition=0, offset=0),
        time_ms=1,
        key=raw,
        value=b'{"a":1}',
    )
    values = convert_record(record, SOURCE)
    assert not isinstance(values, SkippedRecord)
    key: str = orjson.loads(values[0])["__segment_id"]
    return key


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        pytest.param(b"abcd", "abcd", id="four-letters"),
        pytest.param("zoé".encode(), "zoé", id="four-bytes-with-an-accent"),
        pytest.param("Zoë1234".encode(), "Zoë1234", id="eight-bytes-with-an-accent"),
        pytest.param(b"12345678", "12345678", id="eight-digits"),
        pytest.param(b'{"id": 7}', "7", id="object"),
        pytest.param(b"\x00\x00\x00\x07", "7", id="integer"),
        pytest.param(b"\x00\x00\x00\x00\x00\x00\x00\x07", "7", id="long"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff\xff\xf9", "-7", id="negative"),
        pytest.param(b"1e5", "1e5", id="text-like-json"),
    ],
)
def test_a_key_is_read_as_what_it_looks_like(raw: bytes, key: str) -> None:
    """Text wins where both are possible: a name must not become a number."""
    assert _key_of(raw) == key


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xff\xfe\xfd", id="three-bytes"),
        pytest.param(b"\xff" * 16, id="sixteen-bytes"),
    ],
)
def test_bytes_of_another_length_are_refused(raw: bytes) -> None:
    """The record is a dead letter: its key is neither text nor a number."""
    with pytest.raises(PoisonRecord):
        _key_of(raw)
