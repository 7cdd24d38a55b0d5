"""Records nobody can read, each with the code it must end with, and odd ones to read.

The unit tests and the Kafka journey share these tables. A builder makes the bytes only
when asked: one of them makes ten million.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

NOW_MS = 1_772_359_200_000  # 2026-03-01T10:00Z: the clock of every case
USER = "user-1"

RANGE = "time-out-of-range"
NO_KEY = "missing-audience-key"

Build = Callable[[], bytes | None]


class Malformed(NamedTuple):
    """Malformed record and its expected reason code.

    Attributes:
        id: Names the kind.
        build: Makes the record's value.
        code: `PoisonRecord.code` it must end with.
    """

    id: str
    build: Build
    code: str


class Odd(NamedTuple):
    """Unusual record that must be readable.

    Attributes:
        id: Names the oddity.
        build: Makes the record's value.
        user: The user key it must have.
        time_ms: The event time it must have.
    """

    id: str
    build: Build
    user: str
    time_ms: int


TIME_MS = 1_740_823_200_123
WHOLE_S_MS = 1_740_823_200_000
GOOD: dict[str, Any] = {
    "type": "track",
    "event": "Audience Entered",
    "userId": USER,
    "messageId": "message-1",
    "timestamp": "2025-03-01T10:00:00.123Z",
    "context": {"personas": {"computation_class": "audience"}},
    "properties": {"audience_key": "vip"},
}
_IDENTIFY: dict[str, Any] = {
    "type": "identify",
    "traits": {"vip": True},
    "context": {
        "personas": {"computation_class": "audience", "computation_key": "vip"}
    },
}


def with_fields(**fields: object) -> Build:
    """Make the good event with other fields."""
    return lambda: orjson.dumps(GOOD | fields)


def without(*names: str) -> Build:
    """Make the good event without some fields."""
    left = {name: value for name, value in GOOD.items() if name not in names}
    return lambda: orjson.dumps(left)


def _bytes(raw: bytes | None) -> Build:
    return lambda: raw


def _spliced(old: bytes, new: bytes) -> Build:
    """Write what no JSON encoder would."""
    return lambda: orjson.dumps(GOOD).replace(old, new, 1)


def _personas(**fields: object) -> Build:
    return with_fields(context={"personas": fields})


def _identify(*, flag: object) -> Build:
    return with_fields(**_IDENTIFY | {"traits": {"vip": flag}})


def _at(timestamp: object) -> Build:
    return with_fields(timestamp=timestamp)


def _audience(key: object) -> Build:
    return with_fields(properties={"audience_key": key})


def _nested(levels: int) -> Build:
    opened, closed = b'{"a":' * levels, b"}" * levels
    return _spliced(b"{", b'{"pad":' + opened + b"1" + closed + b",")


MALFORMED = (
    # bytes
    Malformed("tombstone", _bytes(None), "no-value"),
    Malformed("empty-value", _bytes(b""), "no-value"),
    Malformed("white-space", _bytes(b" \n\t "), "not-json"),
    Malformed("plain-text", _bytes(b"hello, world"), "not-json"),
    Malformed("cut-off", lambda: orjson.dumps(GOOD)[:-20], "not-json"),
    Malformed("two-objects", lambda: orjson.dumps(GOOD) * 2, "not-json"),
    Malformed("trailing-comma", _spliced(b"}}", b"},}"), "not-json"),
    Malformed("single-quotes", _bytes(b"{'type': 'track'}"), "not-json"),
    Malformed(
        "avro-with-schema-id", _bytes(b"\x00\x00\x00\x00\x01\x0cuser-1"), "not-json"
    ),
    Malformed("gzip", _bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00"), "not-utf8"),
    Malformed(
        "utf-16", lambda: orjson.dumps(GOOD).decode().encode("utf-16"), "not-utf8"
    ),
    Malformed("invalid-utf-8", _spliced(b"user-1", b"user-\xff"), "not-utf8"),
    Malformed("latin-1", _spliced(b"user-1", b"us\xe9r"), "not-utf8"),
    Malformed("raw-null-byte", _spliced(b"user-1", b"user\x00"), "not-json"),
    Malformed("nan", _spliced(b'"vip"', b"NaN"), "not-json"),
    Malformed("infinity", _spliced(b'"vip"', b"-Infinity"), "not-json"),
    Malformed("number-beyond-double", _spliced(b'"vip"', b"1e400"), "not-json"),
    Malformed("ten-megabytes", with_fields(pad="x" * 10_000_000), "too-large"),
    Malformed("nested-101", _nested(100), "too-deep"),
    Malformed("nested-100000", _nested(100_000), "too-deep"),
    Malformed("unclosed-brackets", _bytes(b"[" * 100_000), "too-deep"),
    # shape
    Malformed("array", lambda: orjson.dumps([GOOD]), "not-an-object"),
    Malformed("string", _bytes(b'"track"'), "not-an-object"),
    Malformed("string-of-brackets", _bytes(b'"' + b"[" * 200 + b'"'), "not-an-object"),
    Malformed("null", _bytes(b"null"), "not-an-object"),
    Malformed("number", _bytes(b"42"), "not-an-object"),
    Malformed("empty-object", _bytes(b"{}"), "no-type"),
    Malformed("no-type-no-event", without("type", "event"), "no-type"),
    Malformed("unknown-type", with_fields(type="purchase"), "unknown-type"),
    Malformed("type-in-capitals", with_fields(type="Track"), "unknown-type"),
    Malformed("type-a-number", with_fields(type=7), "bad-type"),
    Malformed("track-without-event", without("event"), "no-event-name"),
    Malformed("event-an-object", with_fields(event={"name": "x"}), "bad-event-name"),
    Malformed("version-99", with_fields(version=99), "unknown-version"),
    Malformed("version-text", with_fields(version="v3"), "unknown-version"),
    Malformed("version-a-boolean", with_fields(version=True), "unknown-version"),
    Malformed("version-an-object", with_fields(version={"a": 1}), "unknown-version"),
    Malformed("traits-text", with_fields(traits="vip"), "bad-traits"),
    Malformed("traits-a-full-array", with_fields(traits=["vip"]), "bad-traits"),
    Malformed("properties-a-number", with_fields(properties=1), "bad-properties"),
    Malformed("context-text", with_fields(context="web"), "bad-context"),
    Malformed(
        "context-traits-text", with_fields(context={"traits": "a"}), "bad-context"
    ),
    # who
    Malformed("no-user", without("userId"), "no-user"),
    Malformed("user-null", with_fields(userId=None), "no-user"),
    Malformed("user-empty", with_fields(userId=""), "no-user"),
    Malformed("user-blank", with_fields(userId="  "), "no-user"),
    Malformed("user-an-object", with_fields(userId={"id": 1}), "bad-user-id"),
    Malformed("user-a-boolean", with_fields(userId=True), "bad-user-id"),
    Malformed("user-a-fraction", with_fields(userId=1.5), "bad-user-id"),
    Malformed("user-beyond-64-bit", _spliced(b'"user-1"', b"9" * 25), "bad-user-id"),
    Malformed("user-with-null-byte", with_fields(userId="user\0"), "null-byte"),
    Malformed("user-too-long", with_fields(userId="x" * 1025), "id-too-long"),
    Malformed(
        "anonymous-an-array",
        with_fields(userId=None, anonymousId=["a"]),
        "bad-anonymous-id",
    ),
    Malformed("message-id-an-array", with_fields(messageId=[]), "bad-message-id"),
    Malformed("message-id-null-byte", with_fields(messageId="a\0"), "null-byte"),
    Malformed(
        "email-no-address",
        with_fields(userId="", traits={"email": "nobody"}),
        "no-user",
    ),
    # when
    Malformed("time-a-word", _at("yesterday"), "bad-time"),
    Malformed("time-month-13", _at("2025-13-01T00:00:00Z"), "bad-time"),
    Malformed("time-an-object", _at({"ms": 1}), "bad-time"),
    Malformed("time-a-boolean", _at(True), "bad-time"),
    Malformed("time-5000-digits", _at("9" * 5000), "bad-time"),
    Malformed("time-1970", _at(0), RANGE),
    Malformed("time-1989", _at("1989-12-31T23:59:59.999Z"), RANGE),
    Malformed("time-year-1", _at("0001-01-01T00:00:00+14:00"), RANGE),
    Malformed("time-year-9999", _at("9999-12-31T23:59:59-14:00"), RANGE),
    Malformed("time-2100", _at("2100-01-01"), RANGE),
    Malformed("time-negative", _at(-1_740_823_200), RANGE),
    Malformed("time-microseconds", _at(1_740_823_200_123_000), RANGE),
    Malformed("time-1e300", _at(1e300), RANGE),
    # which audience
    Malformed("no-audience-key", with_fields(properties={}), NO_KEY),
    Malformed("audience-key-empty", _audience(""), NO_KEY),
    Malformed("audience-key-an-array", _audience(["a"]), "bad-audience-key"),
    Malformed("audience-key-null-byte", _audience("a\0"), "null-byte"),
    Malformed(
        "personas-text", with_fields(context={"personas": "vip"}), "bad-personas"
    ),
    Malformed("list-id-an-object", _personas(external_audience_id={}), "bad-list-id"),
    Malformed("audience-flag-text", _identify(flag="true"), "bad-audience-trait"),
    Malformed("audience-flag-null", _identify(flag=None), "bad-audience-trait"),
    Malformed("audience-flag-1", _identify(flag=1), "bad-audience-trait"),
)

JUNK_IDS = ["undefined", "null", "0", 0, "[object Object]", " null ", "\u200bundefined"]
"""Absent ids as programs write them."""

SPACED_IDS = [
    f" {USER}",
    f"{USER}\n",
    f"\u00a0{USER}\u200b",
    f"\ufeff{USER}",
    f"{USER}\u00ad",
]
"""The usual id with what nobody sees round it."""

ODD_BUT_GOOD = (
    Odd("as-usual", with_fields(), USER, TIME_MS),
    Odd("byte-order-mark", lambda: b"\xef\xbb\xbf" + orjson.dumps(GOOD), USER, TIME_MS),
    Odd(
        "white-space-around", lambda: b"\n " + orjson.dumps(GOOD) + b"\n", USER, TIME_MS
    ),
    Odd("no-type-but-event", without("type"), USER, TIME_MS),
    Odd("key-twice-last-counts", _spliced(b"{", b'{"userId":"first",'), USER, TIME_MS),
    Odd("php-empty-objects", with_fields(traits=[], context=[]), USER, TIME_MS),
    Odd("sections-null", with_fields(traits=None, context=None), USER, TIME_MS),
    Odd("nested-100", _nested(99), USER, TIME_MS),
    Odd("many-brackets-but-flat", with_fields(pad=[[]] * 5000), USER, TIME_MS),
    Odd("brackets-in-text", with_fields(pad="[" * 5000), USER, TIME_MS),
    Odd("version-1", with_fields(version=1), USER, TIME_MS),
    Odd("version-1.1", with_fields(version=1.1), USER, TIME_MS),
    Odd("version-2.0-text", with_fields(version="2.0"), USER, TIME_MS),
    Odd("version-empty", with_fields(version=""), USER, TIME_MS),
    Odd("user-a-number", with_fields(userId=42), "42", TIME_MS),
    *(
        Odd(
            f"user-junk-{number}",
            with_fields(userId=junk, anonymousId="anon"),
            "anon",
            TIME_MS,
        )
        for number, junk in enumerate(JUNK_IDS)
    ),
    *(
        Odd(f"user-spaced-{number}", with_fields(userId=spaced), USER, TIME_MS)
        for number, spaced in enumerate(SPACED_IDS)
    ),
    Odd("half-a-pair", _spliced(b"user-1", b"u\\ud83d"), "u\ufffd", TIME_MS),
    Odd("the-other-half", _spliced(b"user-1", b"\\ude00u"), "\ufffdu", TIME_MS),
    Odd("a-whole-pair", _spliced(b"user-1", b"\\ud83d\\ude00"), "\U0001f600", TIME_MS),
    Odd(
        "halves-swapped",
        _spliced(b"user-1", b"\\ude00\\ud83d"),
        "\ufffd\ufffd",
        TIME_MS,
    ),
    Odd("a-backslash", _spliced(b"user-1", b"\\\\ud800"), "\\ud800", TIME_MS),
    Odd("user-a-whole-float", with_fields(userId=42.0), "42", TIME_MS),
    Odd("user-64-bit", with_fields(userId=2**64 - 1), str(2**64 - 1), TIME_MS),
    Odd("user-emoji", with_fields(userId="🦊"), "🦊", TIME_MS),
    Odd("user-with-quote", with_fields(userId='a"b'), 'a"b', TIME_MS),
    Odd("anonymous-only", with_fields(userId="", anonymousId="anon"), "anon", TIME_MS),
    Odd(
        "email-only",
        with_fields(userId=None, traits={"email": " A@B.co "}),
        "a@b.co",
        TIME_MS,
    ),
    Odd("bad-anonymous-beside-user", with_fields(anonymousId=[1]), USER, TIME_MS),
    Odd("message-id-a-number", with_fields(messageId=7), USER, TIME_MS),
    Odd("null-byte-in-a-property", with_fields(pad="a\0b"), USER, TIME_MS),
    Odd("time-with-offset", _at("2025-03-01T12:00:00.123+02:00"), USER, TIME_MS),
    Odd("time-nanoseconds", _at("2025-03-01T10:00:00.123456789Z"), USER, TIME_MS),
    Odd("time-without-zone", _at("2025-03-01 10:00:00.123"), USER, TIME_MS),
    Odd("time-a-day", _at("2025-03-01"), USER, 1_740_787_200_000),
    Odd("time-mail-date", _at("Sat, 01 Mar 2025 10:00:00 GMT"), USER, WHOLE_S_MS),
    Odd("time-seconds", _at(1_740_823_200), USER, WHOLE_S_MS),
    Odd("time-seconds-fraction", _at(1_740_823_200.5), USER, 1_740_823_200_500),
    Odd("time-milliseconds", _at(TIME_MS), USER, TIME_MS),
    Odd("time-seconds-text", _at("1740823200"), USER, WHOLE_S_MS),
    Odd("time-milliseconds-text", _at(str(TIME_MS)), USER, TIME_MS),
    Odd(
        "time-empty-then-sent-at",
        with_fields(timestamp="", sentAt="2025-03-01T10:00:01Z"),
        USER,
        1_740_823_201_000,
    ),
    Odd("time-of-the-record", without("timestamp"), USER, NOW_MS),
    Odd("time-1990", _at("1990-01-01T00:00:00Z"), USER, 631_152_000_000),
    Odd(
        "time-a-year-ahead", _at("2027-03-01T10:00:00Z"), USER, NOW_MS + 31_536_000_000
    ),
    Odd(
        "null-list-ids",
        _personas(computation_key="vip", external_audience_id=None),
        USER,
        TIME_MS,
    ),
)
