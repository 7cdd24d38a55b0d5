"""Row events: rows of tables that were added, changed or deleted, as events.

The shape is that of Segment's Reverse ETL (action-destinations commit 970a17e,
`retlAudienceMembership` in packages/core/src/audience-membership.ts): a track call
named `new`, `updated` or `deleted`, with the columns in `properties` and the row's key
on top, under `__segment_id`. `context.row` is ours: it names the model and the source.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import orjson

from streams.errors import PoisonRecord
from streams.events.canonical_event import section
from streams.events.columns.decoders import MAX_EXACT_INTEGER
from streams.events.time import iso_from_ms

KEY_FIELD: Final = "__segment_id"
"""Segment's name for the key of a row; it stands beside `properties`, not in it."""

ROW_SECTION: Final = "row"
"""Member of `context` that names the model and the source of a row."""

AUDIENCE_CLASS: Final = "audience"
"""Segment's `computation_class` of a model whose rows are members of an audience."""

MESSAGE_ID_BYTES: Final = 16
"""128 bits: two of a billion rows have the same id once in 10^20 times."""


class RowChange(StrEnum):
    """Change of a row; the enum's value is the name of the event."""

    ADDED = "new"
    UPDATED = "updated"
    DELETED = "deleted"


CHANGE_NAMES: Final = ("new", "updated", "deleted")  # `in` takes unhashable values
"""Names of row events; an event with another name is no row."""


def is_row(body: Mapping[str, Any]) -> bool:
    """Return True for a row event.

    A row has a key on top, be it null, or names the audience that its model is. Another
    track call with the name `new` is an event like any other.
    """
    if body.get("type") != "track" or body.get("event") not in CHANGE_NAMES:
        return False
    return KEY_FIELD in body or bool(row_audience(body))


def row_change(body: Mapping[str, Any]) -> RowChange:
    """Return the change of a row event."""
    return RowChange(body["event"])


def row_model(body: Mapping[str, Any]) -> str:
    """Return the model that an event names in `context.row`; empty without a model."""
    model = _row_section(body).get("model")
    return model if isinstance(model, str) else ""


def row_audience(body: Mapping[str, Any]) -> str:
    """Return the audience that is a row's model; empty for any other model."""
    personas = section(section(body, "context"), "personas")
    audience = personas.get("computation_key")
    is_audience = personas.get("computation_class") == AUDIENCE_CLASS
    return audience if is_audience and isinstance(audience, str) else ""


def row_table(body: Mapping[str, Any]) -> str:
    """Return the scope of a row's unique key: the model, else the audience.

    Empty for a row that names neither, as Segment's own rows do.
    """
    return row_model(body) or row_audience(body)


def is_snapshot(body: Mapping[str, Any]) -> bool:
    """Return True for a row of a snapshot or of a first run, not of a new change."""
    return _row_section(body).get("snapshot") is True


def changed_columns(body: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the columns that changed in a row; None if the event does not say."""
    columns = _row_section(body).get("changed")
    if not isinstance(columns, list):
        return None
    return frozenset(column for column in columns if isinstance(column, str))


def _row_section(body: Mapping[str, Any]) -> dict[str, Any]:
    return section(section(body, "context"), ROW_SECTION)


def row_key_text(values: Sequence[object]) -> str:
    """Return the text of a key; several columns become the text of a JSON list.

    A whole number becomes its decimal digits, whatever type its column has: 7, 7.0 and
    "7" are the same key. A float from `MAX_EXACT_INTEGER` on stands for several
    numbers: as an id it would make many rows one.

    Args:
        values: Values of the key's columns, at least one, in the order of the key.

    Raises:
        PoisonRecord: `no-row-key`, if a value is null or blank, or `bad-row-key`, if it
            is neither text nor an exact number nor a boolean.
    """
    if len(values) == 1:  # most keys
        return _value_text(values[0])
    texts = [_value_text(value) for value in values]
    if not texts:
        raise _no_key()
    return orjson.dumps(texts).decode()


def _value_text(value: object) -> str:
    kind = type(value)
    if kind is int or (kind is str and value.strip()):  # type: ignore[attr-defined] # text
        return str(value)  # most keys; the checks below are for the others
    if value is None or (isinstance(value, str) and not value.strip()):
        raise _no_key()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, str | int):
        return str(value)
    raise PoisonRecord(
        "bad-row-key", "the row's key is not text or a number; choose another key"
    )


def _float_text(value: float) -> str:
    if abs(value) >= MAX_EXACT_INTEGER:
        raise PoisonRecord(
            "bad-row-key",
            "an id of the row is a number that has lost digits; write it as text",
        )
    return str(int(value)) if value.is_integer() else str(value)


def _no_key() -> PoisonRecord:
    return PoisonRecord(
        "no-row-key", f"{KEY_FIELD} is null or empty; give each row of the model a key"
    )


def normalize_row(body: dict[str, Any]) -> None:
    """Turn the key of a row into text, and add a message id to a row without an id.

    Raises:
        PoisonRecord: `no-row-key` or `bad-row-key`.
    """
    key = body.get(KEY_FIELD)
    if KEY_FIELD in body:
        key = body[KEY_FIELD] = row_key_text(key if isinstance(key, list) else [key])
    if not body.get("messageId"):
        parts = [row_model(body), key, body["event"], body.get("timestamp")]
        body["messageId"] = row_message_id([*parts, body.get("properties")])


def row_message_id(parts: Iterable[object]) -> str:
    """Return the message id of a row event, the same each time for the same change.

    Args:
        parts: Values that name the change, JSON's: source, model, key, change, and the
            position in the log of changes or a hash of the row.

    Returns:
        `row-` and 32 hexadecimal digits.
    """
    name = orjson.dumps(list(parts))
    digest = hashlib.blake2b(name, digest_size=MESSAGE_ID_BYTES).hexdigest()
    return f"row-{digest}"


def row_event(  # noqa: PLR0913 - a row's parts, each with a name
    change: RowChange,
    *,
    source: str,
    model: str,
    key: str,
    columns: Mapping[str, Any],
    time_ms: int,
    message_id: str,
    user_id: str = "",
    email: str = "",
    audience: str = "",
    is_snapshot: bool = False,
    changed: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Build the body of a row event.

    Args:
        change: Change of the row.
        source: Name of the source or of the sync.
        model: Name of the model: the table or the query.
        key: Text of the row's key, by `row_key_text`.
        columns: Values of the columns, JSON's; a column that is not known is absent.
        time_ms: Time of the change, milliseconds since the epoch.
        message_id: Id of the change, by `row_message_id`.
        user_id: Value of the column with the user id; empty if the source names none.
        email: Value of the column with the e-mail address, as of now; empty if the
            source names none.
        audience: Audience that the model is; empty if it is none.
        is_snapshot: Whether the row was there before anybody looked.
        changed: Columns that the change changed; None if nobody knows.
    """
    row: dict[str, Any] = {"model": model, "source": source}
    if is_snapshot:
        row["snapshot"] = True
    if changed is not None:
        row["changed"] = sorted(changed)
    properties = {**columns}
    context: dict[str, Any] = {ROW_SECTION: row}
    if email:
        context["traits"] = {"email": email}
    if audience:
        properties[audience] = change is not RowChange.DELETED
        context["personas"] = {
            "computation_class": AUDIENCE_CLASS,
            "computation_key": audience,
        }
    body: dict[str, Any] = {
        "type": "track",
        "event": change.value,
        "messageId": message_id,
        "timestamp": iso_from_ms(time_ms),
        KEY_FIELD: key,
    }
    if user_id:
        body["userId"] = user_id
    body["properties"], body["context"] = properties, context
    return body
