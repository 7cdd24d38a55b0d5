"""Text of values in the format of JavaScript, the language of the recorded kit."""

import json
import re
from json.encoder import encode_basestring
from typing import Final

from streams.mapping.values import DEPTH_MAX, UNDEFINED, Json

SAFE_INTEGER_MAX: Final = 2**53 - 1
"""Largest integer that a JSON number represents exactly (RFC 8259, section 6)."""

_PLAIN_EXPONENT_MAX: Final = 21
"""Numbers from 1e21 on have an exponent (ECMA-262, Number::toString)."""

_PLAIN_EXPONENT_MIN: Final = -6
"""Numbers below 1e-6 have an exponent too."""

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_INDEX_MAX: Final = 2**32 - 2


def number_text(value: float) -> str:
    """Format a number: shortest digits, `1` for 1.0, `1e+21` for 1e21."""
    if isinstance(value, int) and abs(value) <= SAFE_INTEGER_MAX:
        return str(value)
    try:
        real = float(value)
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"
    if real != real or real in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(repr(real), "NaN")
    if real == 0:
        return "0"
    return _finite_text(real)


def _finite_text(real: float) -> str:
    sign = "-" if real < 0 else ""
    mantissa, _, exponent = f"{abs(real)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    point = len(whole) - leading + int(exponent or 0)
    return sign + _insert_point(digits.rstrip("0"), point=point)


def _insert_point(digits: str, *, point: int) -> str:
    if len(digits) <= point <= _PLAIN_EXPONENT_MAX:
        return digits.ljust(point, "0")
    if 0 < point <= _PLAIN_EXPONENT_MAX:
        return f"{digits[:point]}.{digits[point:]}"
    if _PLAIN_EXPONENT_MIN < point <= 0:
        return f"0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{tail}e{point - 1:+d}"


def text_of(value: Json, *, depth: int = 0) -> str:
    """Format any value as text: arrays with commas, null inside arrays is empty."""
    if type(value) is str:
        return value
    if value is None or value is UNDEFINED:
        return "" if depth else ("null" if value is None else "undefined")
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, list) and depth <= DEPTH_MAX:
        return ",".join([text_of(item, depth=depth + 1) for item in value])
    return "[object Object]"


def json_text(value: Json, *, depth: int = 0) -> str:
    """Format a value as compact JSON; invalid or too deep values become null."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (int, float)):
        written = text_of(value)
        return "null" if written.endswith(("y", "N")) else written
    pieces = []
    if isinstance(value, list) and depth <= DEPTH_MAX:
        for item in value:
            pieces.append(json_text(item, depth=depth + 1))  # noqa: PERF401 - a comprehension would double the stack
        return f"[{','.join(pieces)}]"
    if isinstance(value, dict) and depth <= DEPTH_MAX:
        for key in ordered_keys(value):
            written = json_text(value[key], depth=depth + 1)
            pieces.append(f"{_quoted(key)}:{written}")
        return f"{{{','.join(pieces)}}}"
    return "null"


def ordered_keys(value: dict[str, Json]) -> list[str]:
    """Return the keys in JavaScript's order: array indices first, ascending."""
    indices = [key for key in value if key[:1].isdigit() and is_index(key)]
    if not indices:
        return list(value)
    return sorted(indices, key=int) + [key for key in value if not is_index(key)]


def is_index(key: str) -> bool:
    """Return True for an array index in canonical form: `0`, `12`."""
    return _INDEX.fullmatch(key) is not None and int(key) <= _INDEX_MAX


def utf16_length(text: str) -> int:
    """Count UTF-16 units, JavaScript's length of a text."""
    return (
        len(text)
        if text.isascii()
        else len(text.encode("utf-16-le", "surrogatepass")) // 2
    )


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _not_json(name: str) -> None:
    raise ValueError(name)


def _integer(digits: str) -> int | float:
    """Parse an integer as a double with the shortest digits, like JSON readers."""
    if len(digits) < len(str(SAFE_INTEGER_MAX)):
        return int(digits)
    written = number_text(float(digits))
    return int(written) if written.lstrip("-").isdigit() else float(digits)


_DECODER: Final = json.JSONDecoder(parse_constant=_not_json, parse_int=_integer)


def json_value(text: str) -> Json:
    """Parse JSON; text that is not JSON is returned unchanged."""
    try:
        value = _DECODER.decode(text)
        return _replace_lone_surrogates(value) if "\\u" in text else value
    except (ValueError, RecursionError):
        return text


def _replace_lone_surrogates(value: Json) -> Json:
    """Replace lone surrogates, not encodable in UTF-8, by U+FFFD."""
    if isinstance(value, str):
        units = value.encode("utf-16-le", "surrogatepass")
        return units.decode("utf-16-le", "replace")
    if isinstance(value, list):
        return list(map(_replace_lone_surrogates, value))
    if isinstance(value, dict):
        return {
            _replace_lone_surrogates(name): _replace_lone_surrogates(member_value)
            for name, member_value in value.items()
        }
    return value
