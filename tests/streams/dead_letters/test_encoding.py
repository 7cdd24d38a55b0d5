"""Dead letters as Kafka Connect's tools expect them."""

import msgspec
import pytest

from streams.dead_letters.encoding import (
    KEY_MAX_BYTES,
    VALUE_MAX_BYTES,
    DeadLetter,
    encode_headers,
    encode_key,
    encode_value,
)
from streams.dead_letters.record import RequeueRoute, TopicOffset, read_record
from streams.delivery.outcome import Stage
from streams.events.canonical_event import Origin

DEAD_LETTER = DeadLetter(
    origin=Origin(topic="segment", partition=3, offset=42),
    stage=Stage.INTAKE,
    code="not-json",
    reason="not a JSON text",
    key=b"k",
    value=b"{",
)


def _with_value(value: bytes | None) -> DeadLetter:
    return msgspec.structs.replace(DEAD_LETTER, value=value)


def test_headers_are_kafka_connect_s() -> None:
    """Names of `errors.deadletterqueue.context.headers.enable`, text values."""
    assert encode_headers(DEAD_LETTER, connector="app") == [
        ("__connect.errors.topic", b"segment"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"42"),
        ("__connect.errors.connector.name", b"app"),
        ("__connect.errors.stage", b"intake"),
        ("__connect.errors.exception.class.name", b"not-json"),
        ("__connect.errors.exception.message", b"not a JSON text"),
    ]


@pytest.mark.parametrize(
    ("value", "kept", "truncated_from"),
    [
        pytest.param(None, None, None, id="tombstone"),
        pytest.param(b"", b"", None, id="empty"),
        pytest.param(b"\x00\xff", b"\x00\xff", None, id="bytes-untouched"),
        pytest.param(
            b"x" * VALUE_MAX_BYTES, b"x" * VALUE_MAX_BYTES, None, id="just-fits"
        ),
        pytest.param(
            b"x" * (VALUE_MAX_BYTES + 1),
            b"x" * VALUE_MAX_BYTES,
            b"900001",
            id="cut-and-said-so",
        ),
    ],
)
def test_the_value_is_kept_as_far_as_a_topic_takes_it(
    value: bytes | None, kept: bytes | None, truncated_from: bytes | None
) -> None:
    """A header tells the original length of one that was cut."""
    dead_letter = _with_value(value)

    assert encode_value(dead_letter) == kept
    assert (
        dict(encode_headers(dead_letter, connector="app")).get(
            "ks.truncated-from-bytes"
        )
        == truncated_from
    )


def test_a_long_key_is_cut_and_read_again_from_its_topic() -> None:
    """Kafka takes no dead letter of a key near its limit; part of a key is no key."""
    dead_letter = msgspec.structs.replace(DEAD_LETTER, key=b"k" * 1_000_000)

    key, headers = encode_key(dead_letter), encode_headers(dead_letter, connector="app")
    record = read_record(
        TopicOffset(0, 7), timestamp_ms=1, headers=headers, key=key, value=b"{"
    )

    assert key == b"k" * KEY_MAX_BYTES
    assert record.route is RequeueRoute.SOURCE


def test_headers_of_the_producer_leave_space_for_the_value() -> None:
    """Many short headers count with what Kafka writes for each; a long one is left."""
    headers = {"long": b"x" * 70_000, **{f"h{i}": b"" for i in range(50_000)}}
    dead_letter = msgspec.structs.replace(DEAD_LETTER, source_headers=headers)

    kept = encode_headers(dead_letter, connector="app")

    assert sum(len(name) + len(value) for name, value in kept) < 65_000
    assert ("ks.source.h0", b"") in kept
    assert all(name != "ks.source.long" for name, _ in kept)
