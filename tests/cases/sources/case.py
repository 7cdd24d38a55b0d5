"""Case of a source record, and values that no format can read."""

from dataclasses import dataclass, field
from typing import Any

import orjson

JsonObject = dict[str, Any]
Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, kw_only=True)
class Good:
    """Source record that makes events, or none for a good reason.

    Attributes:
        id: Names the case.
        value: JSON of the value; None is a null value.
        events: Members that each event must have, in order.
        skipped: Code of the reason for no event; empty if there are events.
        key: JSON of the key; None is a null key.
        headers: Headers of the record.
        options: Options of the source beside topic and format.
    """

    id: str
    value: Any
    events: tuple[JsonObject, ...] = ()
    skipped: str = ""
    key: Any = None
    headers: Headers = ()
    options: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Bad:
    """Source record that must end as one dead letter.

    Attributes:
        id: Names the case.
        value: Bytes of the value, or its JSON.
        code: Code of the dead letter.
        key: JSON of the key; None is a null key.
        headers: Headers of the record.
        options: Options of the source beside topic and format.
    """

    id: str
    value: Any
    code: str
    key: Any = None
    headers: Headers = ()
    options: JsonObject = field(default_factory=dict)


def encoded(value: Any) -> bytes | None:  # noqa: ANN401 - any JSON
    """Return the bytes of a value; bytes stay as they are."""
    if value is None or isinstance(value, bytes):
        return value
    return orjson.dumps(value)


NOT_JSON = (
    Bad(id="empty-bytes", value=b"", key=7, code="not-json"),
    Bad(id="cut-off", value=b'{"type":"track"', code="not-json"),
    Bad(id="text", value=b"hello", code="not-json"),
    Bad(id="infinity", value=b'{"a":Infinity}', code="not-json"),
    Bad(id="latin-1", value=b'{"a":"\xe9"}', code="not-utf8"),
    Bad(id="utf-16", value='{"a":1}'.encode("utf-16"), code="not-utf8"),
    Bad(id="deep", value=b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", code="too-deep"),
    Bad(id="too-large", value=b'"' + b"a" * 1_000_001 + b'"', code="too-large"),
    Bad(id="framed", value=b"\x00\x00\x00\x00\x01{}", code="not-json"),
)
"""Values that no format reads as JSON."""
