"""Repair of text: invisible characters round identifiers, halves of surrogate pairs."""

import json
from typing import Final

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
    """Return a text without white space and invisible characters round it."""
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
