"""Cases of the format `cloudevents`."""

import base64
from typing import Any

import orjson

from tests.cases.sources.case import NOT_JSON, Bad, Good, Headers

DATA: dict[str, Any] = {"type": "track", "event": "Bought", "userId": "u1"}
ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "A-1",
    "source": "/shop",
    "type": "com.example.order",
    "time": "2026-02-03T04:05:06Z",
    "datacontenttype": "application/json",
    "data": DATA,
}
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)
BINARY: Headers = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"A-1"),
    ("ce_source", b"/shop"),
    ("ce_type", b"com.example.order"),
    ("ce_time", b"2026-02-03T04:05:06Z"),
    ("content-type", b"application/json"),
)
MAPPING: dict[str, Any] = {
    "event": {
        "type": "track",
        "event": {"@path": "$.type"},
        "userId": {"@path": "$.data.customer"},
        "properties": {
            "sku": {"@path": "$.data.sku"},
            "subject": {"@path": "$.subject"},
            "tenant": {"@path": "$.tenant"},
        },
    }
}
EXPECTED: dict[str, Any] = {
    **DATA,
    "messageId": "/shop A-1",
    "timestamp": "2026-02-03T04:05:06Z",
}


def headers(*, without: str = "", **attributes: bytes) -> Headers:
    """Return the headers of binary mode with other attributes."""
    changed = {f"ce_{name}": value for name, value in attributes.items()}
    named = {**dict(BINARY), **changed}
    return tuple((n, v) for n, v in named.items() if n != f"ce_{without}")


def _encoded(value: object) -> str:
    return base64.b64encode(orjson.dumps(value)).decode()


def _base64(text: object) -> dict[str, Any]:
    return {**{k: v for k, v in ENVELOPE.items() if k != "data"}, "data_base64": text}


def _envelope(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {**ENVELOPE, **changes}


GOOD = (
    Good(id="structured", value=ENVELOPE, headers=STRUCTURED, events=(EXPECTED,)),
    Good(
        id="content-type-in-capitals",
        value=ENVELOPE,
        headers=(("Content-Type", b"Application/CloudEvents+JSON; charset=UTF-8"),),
        events=(EXPECTED,),
    ),
    Good(id="structured-without-header", value=ENVELOPE, events=(EXPECTED,)),
    Good(id="plain-key", key=b"u-1", value=DATA, headers=BINARY, events=(EXPECTED,)),
    Good(
        id="binary-key", key=b"\xff\x00", value=DATA, headers=BINARY, events=(EXPECTED,)
    ),
    Good(id="binary", value=DATA, headers=BINARY, events=(EXPECTED,)),
    Good(
        id="tombstone", value=None, headers=BINARY, key={"id": 1}, skipped="tombstone"
    ),
    Good(
        id="base64",
        value=_base64(_encoded(DATA)),
        headers=STRUCTURED,
        events=(EXPECTED,),
    ),
    Good(
        id="own-id-and-time",
        value={**DATA, "messageId": "m", "originalTimestamp": "2026-01-01T00:00:00Z"},
        headers=BINARY,
        events=({"messageId": "m", "timestamp": None},),
    ),
    Good(
        id="no-time",
        value=DATA,
        headers=headers(without="time"),
        events=({"messageId": "/shop A-1", "timestamp": None},),
    ),
    Good(
        id="mapped",
        value={"customer": "u9", "sku": "a"},
        headers=headers(subject=b"s1", tenant="münchen".encode()),
        options=MAPPING,
        events=(
            {
                "type": "track",
                "event": "com.example.order",
                "userId": "u9",
                "messageId": "/shop A-1",
                "timestamp": "2026-02-03T04:05:06Z",
                "properties": {"sku": "a", "subject": "s1", "tenant": "münchen"},
            },
        ),
    ),
    Good(
        id="mapped-structured",
        value=_envelope(data={"customer": "u9", "sku": "a"}, tenant="t"),
        headers=STRUCTURED,
        options=MAPPING,
        events=({"userId": "u9", "properties": {"sku": "a", "tenant": "t"}},),
    ),
)

BAD = (
    *NOT_JSON,
    Bad(id="null", value=None, code="no-value"),
    Bad(id="null-structured", value=None, headers=STRUCTURED, code="no-value"),
    Bad(id="plain-event", value=DATA, code="not-a-cloudevent"),
    Bad(id="number", value=7, code="not-an-object"),
    Bad(id="list", value=[ENVELOPE], code="batch-mode"),
    Bad(
        id="batch",
        value=[ENVELOPE],
        headers=(("content-type", b"application/cloudevents-batch+json"),),
        code="batch-mode",
    ),
    Bad(id="no-id", value=_envelope(id=None), code="bad-attribute"),
    Bad(id="id-number", value=_envelope(id=7), code="bad-attribute"),
    Bad(id="blank-id", value=_envelope(id=" "), code="bad-attribute"),
    Bad(id="no-source", value=_envelope(source=""), code="bad-attribute"),
    Bad(id="no-type", value=_envelope(type=None), code="bad-attribute"),
    Bad(id="version-0.3", value=_envelope(specversion="0.3"), code="bad-spec-version"),
    Bad(id="version-number", value=_envelope(specversion=1.0), code="bad-spec-version"),
    Bad(
        id="no-version",
        value={k: v for k, v in ENVELOPE.items() if k != "specversion"},
        headers=STRUCTURED,
        code="bad-spec-version",
    ),
    Bad(id="time-number", value=_envelope(time=7), code="bad-attribute"),
    Bad(id="bad-time", value=_envelope(time="soon"), code="bad-time"),
    Bad(
        id="old-time",
        value=_envelope(time="1970-01-01T00:00:00Z"),
        code="time-out-of-range",
    ),
    Bad(id="no-data", value=_envelope(data=None), code="no-data"),
    Bad(id="data-text", value=_envelope(data="text"), code="not-an-object"),
    Bad(id="data-list", value=_envelope(data=[DATA]), code="not-an-object"),
    Bad(id="data-empty", value=_envelope(data={}), code="no-type"),
    Bad(id="data-alien", value=_envelope(data={"type": "x"}), code="unknown-type"),
    Bad(id="data-nobody", value=_envelope(data={"type": "page"}), code="no-user"),
    Bad(
        id="both-data",
        value={**ENVELOPE, "data_base64": _encoded(DATA)},
        code="bad-data",
    ),
    Bad(id="base64-number", value=_base64(7), code="bad-data"),
    Bad(id="base64-wrong", value=_base64("%%%"), code="bad-data"),
    Bad(id="base64-not-json", value=_base64("AAEC"), code="not-json"),
    Bad(id="base64-list", value=_base64(_encoded([1])), code="not-an-object"),
    Bad(
        id="binary-no-id",
        value=DATA,
        headers=headers(without="id"),
        code="bad-attribute",
    ),
    Bad(
        id="binary-empty-id", value=DATA, headers=headers(id=b""), code="bad-attribute"
    ),
    Bad(
        id="binary-latin-1",
        value=DATA,
        headers=headers(source=b"\xe9"),
        code="bad-attribute",
    ),
    Bad(
        id="binary-version",
        value=DATA,
        headers=headers(specversion=b"2.0"),
        code="bad-spec-version",
    ),
    Bad(id="binary-text", value="text", headers=BINARY, code="not-an-object"),
    Bad(id="long-id", value=_envelope(id="i" * 2_000), code="id-too-long"),
    Bad(
        id="mapped-nobody",
        value={"sku": "a"},
        headers=BINARY,
        options=MAPPING,
        code="no-user",
    ),
)
