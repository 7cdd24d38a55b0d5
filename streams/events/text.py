"""Text and JSON as producers write them: bounded, and repaired where that is safe."""

import json
from typing import Any, Final

import orjson

from streams.errors import PoisonRecord

MAX_EVENT_BYTES = 1_000_000
"""Ours: Segment takes 32 KB an event, a Kafka broker 1 MB a record by default."""

MAX_DEPTH = 100
"""Ours: Klaviyo takes 10; orjson reads 1,024 levels but writes only 254."""

_BOM = b"\xef\xbb\xbf"

_RANGES: Final = (
    (0x01, 0x20),  # control characters and the space; a NUL is an error of its own
    (0x7F, 0xA0),  # control characters and the no-break space
    (0xAD, 0xAD),  # soft hyphen
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200F),  # spaces, zero-width characters, direction marks
    (0x2028, 0x202F),  # separators, direction overrides
    (0x205F, 0x206F),  # word joiner, invisible operators, direction isolates
    (0x3000, 0x3000),
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
)
"""Unicode 15: white space, controls and format characters that nobody sees."""

_INVISIBLE: Final = "".join(
    chr(code) for first, last in _RANGES for code in range(first, last + 1)
)


def trim(text: str) -> str:
    """Return a text without white space and invisible characters at the ends."""
    return text.strip(_INVISIBLE)


def encode_without_half_pairs(text: str) -> bytes:
    """Encode text as UTF-8; half a surrogate pair becomes U+FFFD.

    JavaScript cuts text between the halves of a pair, and writes the half it keeps.
    """
    units = text.encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace").encode()


def repair_json(raw: bytes) -> bytes:
    """Return JSON without halves of surrogate pairs.

    Raises:
        ValueError: The bytes are not JSON, apart from that.
        RecursionError: The value is nested too deep.
    """
    value = json.loads(raw, parse_constant=_refuse_constant)
    return encode_without_half_pairs(json.dumps(value, ensure_ascii=False))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_json(raw: bytes, *, max_bytes: int = MAX_EVENT_BYTES) -> Any:  # noqa: ANN401 - any JSON
    """Decode UTF-8 JSON of any kind; a byte order mark is ignored.

    Of a repeated key the last value counts. Halves of surrogate pairs become U+FFFD.

    Raises:
        PoisonRecord: `too-large`, `not-utf8`, `not-json` or `too-deep`.
    """
    if len(raw) > max_bytes:
        raise PoisonRecord("too-large", f"the value is over {max_bytes} bytes")
    raw = raw.removeprefix(_BOM)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as err:
        value = _repair(raw, err)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # else it cannot be too deep
        _check_depth(value)
    return value


def check_json(value: object, raw: bytes, *, max_bytes: int = MAX_EVENT_BYTES) -> None:
    """Check JSON that is encoded already against the bounds of `read_json`.

    Args:
        value: The decoded value.
        raw: The same value, encoded.
        max_bytes: Bound of the encoded value.

    Raises:
        PoisonRecord: `too-large` or `too-deep`.
    """
    if len(raw) > max_bytes:
        raise PoisonRecord("too-large", f"the value is over {max_bytes} bytes")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # else it cannot be too deep
        _check_depth(value)


def _repair(raw: bytes, err: orjson.JSONDecodeError) -> Any:  # noqa: ANN401 - any JSON
    """Decode JSON that holds halves of surrogate pairs.

    Raises:
        PoisonRecord: The value has another fault.
    """
    try:
        if b"\\u" in raw:
            return orjson.loads(repair_json(raw))
    except (ValueError, RecursionError):
        pass
    raise _json_problem(raw, err) from None


def _json_problem(raw: bytes, err: orjson.JSONDecodeError) -> PoisonRecord:
    """Describe a JSON fault and the position; orjson's message never quotes a value."""
    if err.msg.startswith("depth limit"):
        return PoisonRecord("too-deep", f"nested over {MAX_DEPTH} levels")
    try:
        raw.decode()
    except UnicodeDecodeError as undecodable:
        return PoisonRecord("not-utf8", f"byte {undecodable.start} is not UTF-8")
    return PoisonRecord("not-json", f"{err.msg} at character {err.pos}")


def _check_depth(body: object) -> None:
    level = [body]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _containers_in(value)]
        if not level:
            return
    raise PoisonRecord("too-deep", f"nested over {MAX_DEPTH} levels")


def _containers_in(value: object) -> list[object]:
    inside = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inside, list):
        return []
    return [inner for inner in inside if isinstance(inner, dict | list)]
