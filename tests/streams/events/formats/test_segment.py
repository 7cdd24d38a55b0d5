"""Tests that bytes become a canonical event, or a PoisonRecord with a reason."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.audiences.audience_events import audience_events_in
from streams.errors import PoisonRecord
from streams.events.canonical_event import EVENT_KINDS, CanonicalEvent, Origin
from streams.events.formats.segment import decode
from streams.events.identifiers import identifiers_of
from streams.events.text import MAX_EVENT_BYTES
from tests.cases.malformed import MALFORMED, NOW_MS, ODD_BUT_GOOD, Malformed, Odd

ORIGIN = Origin(topic="segment-events", partition=3, offset=41)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
ENVELOPE = ("type", "event", "userId", "anonymousId", "messageId", "timestamp")
AUDIENCE_FIELDS = ("computation_key", "computation_class", "external_audience_id")
FIELDS = st.sampled_from(
    [
        "type",
        "event",
        "userId",
        "anonymousId",
        "messageId",
        "timestamp",
        "version",
        "traits",
        "properties",
        "context",
    ]
)
PERSONAS = st.dictionaries(
    st.sampled_from(
        [
            "computation_key",
            "computation_class",
            "external_audience_id",
            "audience_settings",
        ]
    ),
    JSON | st.just("vip"),
)


def read(
    raw: bytes | None, *, max_event_bytes: int = MAX_EVENT_BYTES
) -> CanonicalEvent:
    """Decode with the fixed clock of the cases."""
    return decode(
        raw,
        origin=ORIGIN,
        record_time_ms=NOW_MS,
        now_ms=NOW_MS,
        max_event_bytes=max_event_bytes,
    )


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.id)
def test_a_malformed_record_is_one_poison_record_that_names_its_fault(
    case: Malformed,
) -> None:
    """Every kind has a code of its own, and a reason without any value."""
    raw = case.build()

    with pytest.raises(PoisonRecord) as poison:
        audience_events_in(read(raw))

    assert poison.value.code == case.code
    assert poison.value.reason
    assert "user-1" not in str(poison.value)


def test_the_malformed_kinds_have_different_names_and_are_enough() -> None:
    """At least 34 kinds are tested, each under a name of its own."""
    assert len({case.id for case in MALFORMED}) == len(MALFORMED) >= 34


@pytest.mark.parametrize("case", ODD_BUT_GOOD, ids=lambda case: case.id)
def test_an_odd_record_is_read(case: Odd) -> None:
    """Records of real producers pass, with the right user and time."""
    event = read(case.build())

    assert (event.user, event.time_ms) == (case.user, case.time_ms)
    assert event.origin == ORIGIN
    audience_events_in(event)


@pytest.mark.parametrize("kind", sorted(EVENT_KINDS))
def test_every_call_of_the_segment_spec_is_read(kind: str) -> None:
    """The body stays as the producer wrote the event."""
    body = {"type": kind, "event": "Viewed", "userId": "u", "timestamp": NOW_MS}

    event = read(orjson.dumps(body))

    assert (event.kind, event.body) == (kind, body)


def test_a_message_id_that_is_absent_is_empty() -> None:
    """Producers that are not Segment give none."""
    body = {"type": "page", "userId": "u"}

    assert not read(orjson.dumps(body)).message_id


def test_the_size_limit_is_an_argument() -> None:
    """A value of exactly the limit is read; a longer value is refused."""
    raw = orjson.dumps({"type": "page", "userId": "u"})

    assert read(raw, max_event_bytes=len(raw)).user == "u"
    with pytest.raises(PoisonRecord, match="too-large"):
        read(raw, max_event_bytes=len(raw) - 1)


@given(st.binary())
def test_bytes_of_any_kind_never_escape_as_another_exception(raw: bytes) -> None:
    """Any other exception than PoisonRecord would stop a worker."""
    with pytest.raises(PoisonRecord):
        read(raw)


@given(
    st.dictionaries(FIELDS, JSON),
    PERSONAS,
    JSON,
    st.sampled_from(["track", "identify", "group"]),
)
def test_json_of_any_shape_is_an_event_or_a_poison_record(
    fields: dict[str, Any], personas: dict[str, Any], flag: object, kind: str
) -> None:
    """Events with fields of any type are decoded or refused."""
    body = {
        "type": kind,
        "event": "Audience Entered",
        "userId": "u",
        "traits": {"vip": flag, "email": flag, "address": {"city": flag}},
        "context": {"personas": personas, "traits": {"company": flag}},
    } | fields

    try:
        event = read(orjson.dumps(body))
    except (PoisonRecord, orjson.JSONEncodeError):
        return
    assert event.user
    assert isinstance(identifiers_of(event), dict)
    try:
        moves = audience_events_in(event)
    except PoisonRecord:
        return
    assert all(move.audience for move in moves)


IDENTIFIES = [
    pytest.param({"traits": {"a": 1}}, {"a": 1}, id="where-segment-puts-them"),
    pytest.param({"context": {"traits": {"a": 1}}}, {"a": 1}, id="rudderstack"),
    pytest.param(
        {"traits": {}, "context": {"traits": {"a": 1}}}, {"a": 1}, id="beside-none"
    ),
    pytest.param(
        {"traits": None, "context": {"traits": {"a": 1}}}, {"a": 1}, id="beside-null"
    ),
    pytest.param(
        {"traits": {"b": 2}, "context": {"traits": {"a": 1}}}, {"b": 2}, id="both"
    ),
]


@pytest.mark.parametrize(("fields", "traits"), IDENTIFIES)
def test_traits_of_an_identify_call(
    fields: dict[str, object], traits: dict[str, object]
) -> None:
    """Traits in the context count where the call has none of its own."""
    raw = orjson.dumps({"type": "identify", "userId": "u1", **fields})

    event = decode(raw, origin=ORIGIN, record_time_ms=NOW_MS, now_ms=NOW_MS)

    assert event.body["traits"] == traits
