"""Cases of the wire format JSON Schema: frames, and bodies behind them."""

from typing import Any

import orjson

from tests.cases.sources.case import Bad

OPTIONS: dict[str, Any] = {
    "format": "segment",
    "wire_format": "json-schema",
    "registry": {"url": "http://registry:1"},
}
_EVENT = {"type": "track", "event": "x", "messageId": "m", "userId": "u"}
_BODY = orjson.dumps(_EVENT)
_SCHEMA_HEADER = "__value_schema_id"


def _framed(body: bytes, schema_id: int = 1) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + body


def _event(**changes: object) -> bytes:
    return _framed(orjson.dumps(_EVENT | changes))


BAD = (
    Bad(id="empty", value=b"", code="not-json"),
    Bad(id="text", value=b"hello", code="not-json"),
    Bad(id="magic-alone", value=b"\x00", code="bad-frame"),
    Bad(id="cut-frame", value=b"\x00\x00\x00", code="bad-frame"),
    Bad(id="frame-alone", value=_framed(b""), code="not-json"),
    Bad(id="cut-body", value=_framed(b'{"type":'), code="not-json"),
    Bad(id="two-bodies", value=_framed(_BODY * 2), code="not-json"),
    Bad(id="framed-twice", value=_framed(_framed(_BODY)), code="not-json"),
    Bad(id="body-of-avro", value=_framed(b"\x06abc\x02"), code="not-json"),
    Bad(id="unknown-magic", value=b"\x01\x00\x00\x00\x01" + _BODY, code="not-json"),
    Bad(id="array", value=_framed(b"[]"), code="not-an-object"),
    Bad(id="number", value=_framed(b"7"), code="not-an-object"),
    Bad(id="null", value=_framed(b"null"), code="no-value"),
    Bad(id="latin-1", value=_framed(b'{"a":"\xe9"}'), code="not-utf8"),
    Bad(id="utf-16", value=_framed('{"a":1}'.encode("utf-16")), code="not-utf8"),
    Bad(id="nan", value=_framed(b'{"a":NaN}'), code="not-json"),
    Bad(
        id="deep",
        value=_framed(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"),
        code="too-deep",
    ),
    Bad(
        id="too-large", value=_framed(b'"' + b"a" * 1_000_001 + b'"'), code="too-large"
    ),
    Bad(id="cut-glue", value=b"\x03\x00" + b"a" * 8, code="bad-frame"),
    Bad(id="glue-compression", value=b"\x03\x07" + b"a" * 16 + _BODY, code="bad-frame"),
    Bad(id="glue-not-zlib", value=b"\x03\x05" + b"a" * 16 + b"x", code="bad-frame"),
    Bad(
        id="bad-header",
        value=_BODY,
        headers=((_SCHEMA_HEADER, b"\x01zz"),),
        code="bad-frame",
    ),
    Bad(
        id="cut-body-by-header",
        value=b"{",
        headers=((_SCHEMA_HEADER, b"\x01" + b"a" * 16),),
        code="not-json",
    ),
    Bad(id="no-user", value=_event(userId=None), code="no-user"),
    Bad(id="no-event-name", value=_event(event=None), code="no-event-name"),
    Bad(id="unknown-type", value=_event(type="walk"), code="unknown-type"),
    Bad(id="two-way-time", value=_event(timestamp="01/02/03"), code="bad-time"),
    Bad(id="user-object", value=_event(userId={}), code="bad-user-id"),
)
