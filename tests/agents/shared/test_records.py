"""Headers of records, and the texts of faults."""

from collections.abc import Sequence

import pytest

from agents.engine.producer import Message, RecordTooLarge, SendResult
from agents.shared.records import (
    read_record,
    send_with_dead_letters,
    to_poison_record,
)
from streams.dead_letters.encoding import DeadLetter, decode_dead_letter, encode_headers
from streams.delivery.outcome import Stage
from streams.errors import EngineError, PoisonRecord
from streams.events.canonical_event import (
    EVENT_OFFSET_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
    REPLAY_MODE_HEADER,
    SOURCE_TIME_HEADER,
    Origin,
    ReplayMode,
)
from tests.support.worker_fakes import NOW_MS, FakeProducer, record

HEADERS = [
    ("x", None),
    (ORIGIN_HEADER, b"source/2/41"),
    (SOURCE_TIME_HEADER, b"17"),
    (EVENT_OFFSET_HEADER, b"5"),
    (REPLAY_HEADER, b"r-1"),
    (REPLAY_MODE_HEADER, b"again"),
]


def test_the_headers_name_the_source_record_and_the_replay() -> None:
    """However many topics the record has crossed."""
    read = read_record(record(b"", offset=9, headers=HEADERS))

    assert (str(read.origin), read.source_ms) == ("source/2/41", 17)
    assert read.event_offset == 5
    assert (read.replay, read.replay_mode) == ("r-1", ReplayMode.RESEND)


def test_the_headers_of_a_source_record_are_not_believed() -> None:
    """The producer wrote them, whatever their names are."""
    read = read_record(record(b"", offset=9, headers=HEADERS), is_internal=False)

    assert (str(read.origin), read.source_ms, read.replay) == ("t.in/0/9", NOW_MS, "")


def test_a_record_without_headers_is_its_own_origin() -> None:
    """The record is live, and its time is that of Kafka."""
    read = read_record(record(b"", offset=9))

    assert (str(read.origin), read.source_ms, read.replay) == ("t.in/0/9", NOW_MS, "")
    assert read.bad_origin is None


def test_of_a_repeated_header_the_first_one_counts() -> None:
    """The origin that intake wrote stays, whatever another program appends."""
    headers = [(ORIGIN_HEADER, b"source/2/41"), (ORIGIN_HEADER, b"other/0/0")]

    assert str(read_record(record(b"", headers=headers)).origin) == "source/2/41"


def test_a_replay_is_passed_on() -> None:
    """The next stage reads the same source record and the same replay."""
    read = read_record(record(b"", headers=HEADERS))

    assert dict(read.onward_headers) == {
        ORIGIN_HEADER: b"source/2/41",
        SOURCE_TIME_HEADER: b"17",
        REPLAY_HEADER: b"r-1",
        REPLAY_MODE_HEADER: b"again",
    }


@pytest.mark.parametrize("text", [b"", b"source", b"source/x/1", b"\xff/1/1/1"])
def test_a_header_that_names_no_origin_is_a_fault(text: bytes) -> None:
    """The record is its own origin, so that its dead letter has one."""
    read = read_record(record(b"", offset=9, headers=[(ORIGIN_HEADER, text)]))

    assert str(read.origin) == "t.in/0/9"
    assert read.bad_origin is not None
    assert read.bad_origin.code == "bad-origin"


def test_a_poison_is_kept_and_a_bug_is_named_by_its_place() -> None:
    """The message of an unknown error may quote a record, so it is left out."""
    poison = PoisonRecord("not-json", "not a JSON text")

    def buggy() -> None:
        raise KeyError("somebody@example.com")

    with pytest.raises(KeyError) as caught:
        buggy()
    bug = to_poison_record(caught.value)

    assert to_poison_record(poison) is poison
    assert bug.code == "internal-error"
    assert bug.reason.startswith("KeyError in buggy, line ")
    assert "somebody" not in bug.reason


class SmallTopic(FakeProducer):
    """Producer to topics that take so many bytes of a record, headers included."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_record_bytes = max_bytes

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Keep the records that are small enough."""
        results: list[SendResult] = []
        for message in messages:
            parts = [message.key or b"", message.value or b""]
            parts += [value for _, value in message.headers]
            is_small = sum(map(len, parts)) <= self._max_record_bytes
            results += await super().send([message]) if is_small else [RecordTooLarge()]
        return results


def _large_dead_letter() -> Message:
    failed = DeadLetter(
        origin=Origin(topic="in", partition=1, offset=5),
        stage=Stage.INTAKE,
        code="not-json",
        reason="not a JSON text",
        key=b"k" * 5_000,
        value=b"v" * 5_000,
        source_headers={"trace": b"t" * 5_000},
    )
    headers = encode_headers(failed, connector="app")
    return Message("deadletters", failed.key, failed.value, headers)


async def test_a_dead_letter_that_kafka_refuses_is_written_without_content() -> None:
    """The origin and the fault must not be lost with the value."""
    producer = SmallTopic(4_000)
    outcome = Message("outcomes", None, b"{}")

    await send_with_dead_letters(
        producer, [_large_dead_letter(), outcome], topic="deadletters"
    )

    [written] = producer.to("deadletters")
    decoded = decode_dead_letter(written.headers, key=written.key, value=written.value)
    assert decoded is not None
    assert (str(decoded.origin), decoded.code) == ("in/1/5", "not-json")
    assert (decoded.key, decoded.value) == (b"k" * 1_000, b"")
    assert dict(written.headers)["ks.truncated-from-bytes"] == b"5000"
    assert producer.to("outcomes") == [outcome]


async def test_a_topic_that_takes_no_dead_letter_at_all_is_an_error() -> None:
    """The record is not acknowledged: it would be lost."""
    with pytest.raises(EngineError, match="topic deadletters: refuses"):
        await send_with_dead_letters(
            SmallTopic(100), [_large_dead_letter()], topic="deadletters"
        )
