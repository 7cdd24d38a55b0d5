"""Changed rows, as row events with the user key."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from streams.destination.syncs.model import Sync
from streams.errors import PoisonRecord
from streams.events.identifiers import user_key_of
from streams.events.row import RowChange, row_event, row_message_id
from streams.mapping.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run that sends rows: with the same run, a row has the same record each time.

    Attributes:
        sync: The sync.
        generation: Number of runs that ended before this one.
        time_ms: Time at which the rows were read, milliseconds since the epoch.
        is_first: Whether the rows are a snapshot: the sync had no state.
    """

    sync: Sync
    generation: int
    time_ms: int
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRecord:
    """Record of a row event.

    Attributes:
        key: User key, as intake finds it in the event.
        value: The row event as JSON.
    """

    key: bytes
    value: bytes


def row_record(  # noqa: PLR0913 - a row's parts, each with a name
    run: Run,
    change: RowChange,
    *,
    key: str,
    row_hash: str,
    user_id: str | None,
    email: str | None,
    columns: Mapping[str, Json],
) -> RowRecord:
    """Build the record of a row that changed.

    Args:
        run: The run.
        change: Change of the row.
        key: Text of the row's key.
        row_hash: Hash of the row; of a deleted row the last one.
        user_id: The user id, if the sync names its column.
        email: The e-mail address, if the sync names its column.
        columns: Values of the columns; empty for a deleted row.
    """
    sync = run.sync
    parts = (sync.name, key, change.value, row_hash, run.generation)
    body = row_event(
        change,
        source=sync.name,
        model=sync.model,
        key=key,
        columns=columns,
        time_ms=run.time_ms,
        message_id=row_message_id(parts),
        user_id=user_id or "",
        email=email or "",
        audience=sync.audience,
        is_snapshot=run.is_first,
    )
    return RowRecord(key=_user_key(body).encode(), value=orjson.dumps(body))


def _user_key(body: dict[str, Json]) -> str:
    """Return the user key of a row event; empty for an event that intake refuses."""
    try:
        return user_key_of(body, kind="track")
    except PoisonRecord:
        return ""
