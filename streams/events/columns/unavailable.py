"""Placeholders of Debezium for values that the database's log does not have.

PostgreSQL stores long values outside of the row (TOAST), and an update that does not
touch such a value does not log it. Debezium then writes a placeholder in the column's
type: debezium/debezium, `UnchangedToastedPlaceholder.java`, of 3.6 and of the branch
for 3.7. The connector's `unavailable.value.placeholder` must have its default.
"""

import base64
import hashlib
import uuid
from typing import Any, Final

PLACEHOLDER: Final = "__debezium_unavailable_value"

_RAW: Final = PLACEHOLDER.encode()
_BASE64: Final = base64.b64encode(_RAW).decode()
_NAME_UUID: Final = str(
    uuid.UUID(bytes=hashlib.md5(_RAW, usedforsecurity=False).digest(), version=3)
)
"""Java's `UUID.nameUUIDFromBytes`."""

_TEXTS: Final = frozenset(
    {
        PLACEHOLDER,
        _BASE64,
        _BASE64.rstrip("="),  # binary.handling.mode: base64-url-safe
        _RAW.hex(),  # binary.handling.mode: hex
        _NAME_UUID,
        f'{{"{PLACEHOLDER}":"{PLACEHOLDER}"}}',  # hstore.handling.mode: json
    }
)
_BYTES: Final = [base64.b64encode(bytes([byte])).decode() for byte in _RAW]
_LISTS: Final[tuple[list[Any], ...]] = (
    list(_RAW),  # numbers; 95.0 is equal to 95
    _BYTES,  # decimals with the scale 0
    [{"scale": 0, "value": byte} for byte in _BYTES],
)
_OBJECTS: Final = ({PLACEHOLDER: PLACEHOLDER},)


def is_unavailable(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return True for the placeholder of a value that the log does not have."""
    if type(value) is str:
        return value in _TEXTS
    if isinstance(value, list) and value:
        is_one_text = len(value) == 1 and isinstance(value[0], str)
        return value[0] in _TEXTS if is_one_text else value in _LISTS
    return isinstance(value, dict) and value in _OBJECTS
