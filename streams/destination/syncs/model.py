"""Model of a sync: a query with rows that become row events after a change."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_DELETED_SHARE: Final = 0.10
"""Ours: a query that loses a tenth of its rows at once is more often broken."""

MAX_DELETED_ROWS: Final = 100
"""Ours: so many deletions are never a reason to stop, whatever their share."""

MAX_CHANGED_SHARE: Final = 0.50
"""Ours: half of all rows change at once when a column changes its meaning."""

MAX_BAD_KEYS_SHARE: Final = 0.01
"""Ours: beyond a row in a hundred, the key is the wrong column."""


class SyncMode(StrEnum):
    """Changes that a sync looks for."""

    MIRROR = "mirror"
    """Rows that are new, updated or deleted."""

    UPSERT = "upsert"
    """Rows that are new or updated; a row that vanishes is forgotten."""

    APPEND = "append"
    """New keys only: rows are events, and never change."""

    CURSOR = "cursor"
    """New and updated rows, read from the largest cursor of the last run on."""


class InitialRun(StrEnum):
    """Treatment of the rows of the first run."""

    SEND = "send"
    """Send every row, marked as a snapshot: it fires no flow."""

    BASELINE = "baseline"
    """Remember every row, and send nothing."""


class StateStore(StrEnum):
    """Store of the state of a sync."""

    FILE = "file"
    """File in `data_dir`: one machine runs the sync."""

    TOPIC = "topic"
    """Compacted topics of Kafka: any machine runs the sync, one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Limits beyond which a run is paused before its first record.

    Attributes:
        max_deleted_share: Largest share of the rows that may vanish, 0 to 1.
        max_deleted_rows: Number of rows that may vanish, whatever their share.
        max_changed_share: Largest share of the rows that may be new or updated.
        max_bad_keys_share: Largest share of rows with an empty or a duplicate key.
        allow_empty: Whether the query may return no row at all.
    """

    max_deleted_share: float = MAX_DELETED_SHARE
    max_deleted_rows: int = MAX_DELETED_ROWS
    max_changed_share: float = MAX_CHANGED_SHARE
    max_bad_keys_share: float = MAX_BAD_KEYS_SHARE
    allow_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtModel:
    """Model of a dbt project, read from the relation that dbt has built.

    Attributes:
        manifest: Path of `target/manifest.json`.
        model: Name or unique id of a model, a seed or a snapshot.
    """

    manifest: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Times at which a service runs a sync.

    Attributes:
        cron: Five fields of cron.
        timezone: Name of the IANA time zone of the fields.
    """

    cron: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Query of a database, and the kinds of row changes that become row events.

    Attributes:
        name: Name of the sync; also of its state, and of its lock.
        connection_env: Environment variable that holds the URL of the database.
        connection_file: Path of a file that holds the URL; empty with an environment
            variable.
        sql: Query, without a semicolon; empty with a dbt model.
        dbt: Model of a dbt project; None with a query.
        key: Columns that name a row, at least one.
        columns: Columns whose change makes a row updated; empty means every column.
        user_id: Column with the user id; empty if there is none.
        email: Column with the e-mail address; empty if there is none.
        audience: Audience that the rows are members of; empty if they are of none.
        model: Name of the model in the row events.
        topic: Topic of the row events; empty means the first source topic.
        mode: Changes to look for.
        cursor: Column with the cursor, for the mode `cursor`.
        cursor_lag_s: Seconds before the last cursor that are read again.
        initial: Treatment of the rows of the first run.
        state: Store of the state.
        column_timezone: Time zone of timestamps without one; empty leaves them as
            they are.
        schedule: Times of the runs of a service; None if a service does not run it.
        guards: Limits beyond which a run is paused.
    """

    name: str
    connection_env: str = ""
    connection_file: str = ""
    sql: str = ""
    dbt: DbtModel | None = None
    key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    user_id: str = ""
    email: str = ""
    audience: str = ""
    model: str = ""
    topic: str = ""
    mode: SyncMode = SyncMode.MIRROR
    cursor: str = ""
    cursor_lag_s: float = 0.0
    initial: InitialRun = InitialRun.SEND
    state: StateStore = StateStore.FILE
    column_timezone: str = ""
    schedule: Schedule | None = None
    guards: Guards = Guards()
