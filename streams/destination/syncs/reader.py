"""Reader of the part `syncs` of a destination file, with every problem at once."""

import re
from typing import Final
from zoneinfo import ZoneInfo

from streams.destination.problems import ConfigProblems
from streams.destination.syncs.model import (
    MAX_BAD_KEYS_SHARE,
    MAX_CHANGED_SHARE,
    MAX_DELETED_ROWS,
    MAX_DELETED_SHARE,
    DbtModel,
    Guards,
    InitialRun,
    Schedule,
    StateStore,
    Sync,
    SyncMode,
)
from streams.errors import ConfigError
from streams.mapping.values import Json
from streams.settings.yaml_reader import read_yaml

SYNC_FIELDS: Final = (
    "connection_env",
    "connection_file",
    "sql",
    "dbt",
    "key",
    "columns",
    "user_id",
    "email",
    "audience",
    "model",
    "topic",
    "mode",
    "cursor",
    "cursor_lag_s",
    "initial",
    "state",
    "column_timezone",
    "schedule",
    "guards",
)
DBT_FIELDS: Final = ("manifest", "model")
SCHEDULE_FIELDS: Final = ("cron", "timezone")
GUARD_FIELDS: Final = (
    "max_deleted_share",
    "max_deleted_rows",
    "max_changed_share",
    "max_bad_keys_share",
    "allow_empty",
)
MAX_ROWS: Final = 1_000_000_000_000
"""Ours: beyond it a number of rows is a typing error."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}").fullmatch
_STEP: Final = r"(?:\*|[0-9A-Za-z]+(?:[-#][0-9A-Za-z]+)?)(?:/[0-9]+)?"
_CRON: Final = re.compile(rf"{_STEP}(?:,{_STEP})*(?: +{_STEP}(?:,{_STEP})*){{4}}")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def read_syncs(raw: Json, *, problems: ConfigProblems) -> dict[str, Sync]:
    """Read the part `syncs`: name to sync, in the order of the file.

    Args:
        raw: Decoded part of the file; None means no sync.
        problems: Receives every problem, with its path.
    """
    return {
        name: _read_sync(name, part, problems=problems)
        for name, part in problems.object_at(raw, at="syncs").items()
    }


def read_syncs_of_file(text: str | bytes) -> dict[str, Sync]:
    """Read the syncs of a destination file, and ignore the other parts of the file.

    Args:
        text: YAML or JSON.

    Raises:
        ConfigError: Every problem in the syncs, each with its path.
    """
    raw = read_yaml(text)
    problems = ConfigProblems()
    parts = {} if isinstance(raw, list) else problems.object_at(raw, at="file")
    syncs = read_syncs(parts.get("syncs"), problems=problems)
    if problems.lines:
        raise ConfigError(problems.lines)
    return syncs


def _read_sync(name: str, raw: Json, *, problems: ConfigProblems) -> Sync:
    at = f"syncs.{name}"
    if not _NAME(name):
        problems.add(at, "a sync's name is 1 to 100 letters, digits, - and _")
    part = problems.object_at(raw, at=at)
    if not part:
        problems.add(at, "is empty; give at least connection_env, sql and key")
    problems.add_unknown_names(part, SYNC_FIELDS, at=f"{at}.", what="part of a sync")
    sync = Sync(
        name=name,
        dbt=_read_dbt(part.get("dbt"), at=f"{at}.dbt", problems=problems),
        key=_columns_at(part.get("key"), at=f"{at}.key", problems=problems),
        columns=_columns_at(part.get("columns"), at=f"{at}.columns", problems=problems),
        model=problems.text_at(part.get("model"), at=f"{at}.model", default=name),
        mode=problems.choice_at(
            part.get("mode"), at=f"{at}.mode", default=SyncMode.MIRROR
        ),
        cursor_lag_s=problems.seconds_at(
            part.get("cursor_lag_s"), at=f"{at}.cursor_lag_s"
        ),
        initial=problems.choice_at(
            part.get("initial"), at=f"{at}.initial", default=InitialRun.SEND
        ),
        state=problems.choice_at(
            part.get("state"), at=f"{at}.state", default=StateStore.FILE
        ),
        schedule=_read_schedule(
            part.get("schedule"), at=f"{at}.schedule", problems=problems
        ),
        guards=_read_guards(part.get("guards"), at=f"{at}.guards", problems=problems),
        **{
            field: problems.text_at(part.get(field), at=f"{at}.{field}")
            for field in (
                "connection_env",
                "connection_file",
                "sql",
                "user_id",
                "email",
                "audience",
                "topic",
                "cursor",
                "column_timezone",
            )
        },
    )
    if part:
        _check_sync(sync, part, at=at, problems=problems)
    return sync


def _check_sync(
    sync: Sync, part: dict[str, Json], *, at: str, problems: ConfigProblems
) -> None:
    _check_connection(sync, at=at, problems=problems)
    if not sync.sql and part.get("dbt") is None:
        problems.add(f"{at}.sql", "is missing; give a query, or dbt with a model")
    if sync.sql and part.get("dbt") is not None:
        problems.add(f"{at}.dbt", "a sync has either sql or dbt; remove one of them")
    if part.get("key") is None:
        problems.add(f"{at}.key", "is missing; name the columns that identify a row")
    if sync.mode is SyncMode.CURSOR and not sync.cursor:
        problems.add(f"{at}.cursor", "is missing; the mode cursor needs its column")
    if sync.cursor and sync.mode is not SyncMode.CURSOR:
        problems.add(f"{at}.cursor", "has an effect only with mode: cursor")
    if sync.cursor_lag_s and not sync.cursor:
        problems.add(f"{at}.cursor_lag_s", "has an effect only with a cursor")
    if sync.audience and sync.mode is not SyncMode.MIRROR:
        problems.add(f"{at}.audience", "needs mode: mirror, or nobody would exit")
    if sync.column_timezone:
        _check_timezone(
            sync.column_timezone, at=f"{at}.column_timezone", problems=problems
        )


def _check_connection(sync: Sync, *, at: str, problems: ConfigProblems) -> None:
    if bool(sync.connection_env) == bool(sync.connection_file):
        problems.add(
            f"{at}.connection_env",
            "name the environment variable that holds the database's URL here, or a "
            "file in connection_file; exactly one of the two",
        )
    if _URL.match(sync.connection_env):
        problems.add(
            f"{at}.connection_env",
            "holds a URL; a secret does not belong in this file: put the URL into an "
            "environment variable, and name the variable here",
        )


def _columns_at(raw: Json, *, at: str, problems: ConfigProblems) -> tuple[str, ...]:
    """Return names of columns: a single name, or a list without repetition."""
    names = problems.texts_at([raw] if isinstance(raw, str) else raw, at=at)
    if isinstance(raw, list) and not raw:
        problems.add(at, "is an empty list; name a column")
    if len(set(names)) < len(names):
        problems.add(at, "names a column twice")
    return names


def _read_dbt(raw: Json, *, at: str, problems: ConfigProblems) -> DbtModel | None:
    if raw is None:
        return None
    part = problems.object_at(raw, at=at)
    problems.add_unknown_names(part, DBT_FIELDS, at=f"{at}.", what="part of dbt")
    for name in DBT_FIELDS:
        if part.get(name) is None:
            problems.add(f"{at}.{name}", "is missing")
    return DbtModel(
        manifest=problems.text_at(part.get("manifest"), at=f"{at}.manifest"),
        model=problems.text_at(part.get("model"), at=f"{at}.model"),
    )


def _read_schedule(raw: Json, *, at: str, problems: ConfigProblems) -> Schedule | None:
    if raw is None:
        return None
    part = problems.object_at(raw, at=at)
    problems.add_unknown_names(
        part, SCHEDULE_FIELDS, at=f"{at}.", what="part of a schedule"
    )
    schedule = Schedule(
        cron=problems.text_at(part.get("cron"), at=f"{at}.cron"),
        timezone=problems.text_at(
            part.get("timezone"), at=f"{at}.timezone", default="UTC"
        ),
    )
    if not _CRON.fullmatch(schedule.cron.strip()):
        problems.add(f"{at}.cron", 'is not five fields of cron, such as "*/15 * * * *"')
    _check_timezone(schedule.timezone, at=f"{at}.timezone", problems=problems)
    return schedule


def _check_timezone(name: str, *, at: str, problems: ConfigProblems) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        problems.add(at, "is not an IANA time zone, such as Europe/Stockholm")


def _read_guards(raw: Json, *, at: str, problems: ConfigProblems) -> Guards:
    part = problems.object_at(raw, at=at)
    problems.add_unknown_names(part, GUARD_FIELDS, at=f"{at}.", what="guard")

    def number(name: str, default: float, maximum: float) -> float:
        return _number_at(
            part.get(name),
            at=f"{at}.{name}",
            default=default,
            maximum=maximum,
            problems=problems,
        )

    return Guards(
        max_deleted_share=number("max_deleted_share", MAX_DELETED_SHARE, 1),
        max_deleted_rows=int(number("max_deleted_rows", MAX_DELETED_ROWS, MAX_ROWS)),
        max_changed_share=number("max_changed_share", MAX_CHANGED_SHARE, 1),
        max_bad_keys_share=number("max_bad_keys_share", MAX_BAD_KEYS_SHARE, 1),
        allow_empty=problems.boolean_at(
            part.get("allow_empty"), at=f"{at}.allow_empty", default=False
        ),
    )


def _number_at(
    value: Json, *, at: str, default: float, maximum: float, problems: ConfigProblems
) -> float:
    if value is None:
        return default
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value <= maximum:
        return float(value)
    problems.add(at, f"is not a number from 0 to {maximum:g}")
    return default
