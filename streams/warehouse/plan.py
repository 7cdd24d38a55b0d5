"""Plan of a run, and the guards that pause a run before the first record."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from streams.destination.syncs.model import Guards, SyncMode

CHANGED_MIN_ROWS: Final = 100
"""Ours: fewer changes than that are never too many, whatever their share."""


class SyncPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of a run, counted before any record is sent.

    Attributes:
        rows: Rows that the query returned.
        previous_rows: Rows of the state.
        added: Rows whose key is new.
        updated: Rows whose columns have changed.
        deleted: Rows that have vanished; 0 if the mode looks for none.
        moved: Updated rows of an audience that stand for another person now; a deletion
            tells of the one of before.
        empty_keys: Rows without a key.
        duplicate_keys: Rows that share their key with another row.
        vanished_columns: Columns that counted in the last run and are not in this one.
        is_first: Whether there is no state to compare with.
    """

    rows: int
    previous_rows: int
    added: int
    updated: int
    deleted: int
    moved: int = 0
    empty_keys: int = 0
    duplicate_keys: int = 0
    vanished_columns: tuple[str, ...] = ()
    is_first: bool = False

    @property
    def changes(self) -> int:
        """Number of row events that the run sends."""
        return self.added + self.updated + self.deleted + self.moved


def guard_problems(plan: SyncPlan, guards: Guards, *, mode: SyncMode) -> list[str]:
    """Return the reasons to pause a run, a line each; empty if the run may go on."""
    return [
        *_result_problems(plan, guards, mode=mode),
        *_key_problems(plan, guards),
        *(() if plan.is_first else _change_problems(plan, guards, mode=mode)),
    ]


def _result_problems(
    plan: SyncPlan, guards: Guards, *, mode: SyncMode
) -> Iterator[str]:
    reads_every_row = mode in (SyncMode.MIRROR, SyncMode.UPSERT)
    if not plan.rows and reads_every_row and not guards.allow_empty:
        yield "empty-result: the query returned no row (guards.allow_empty)"


def _key_problems(plan: SyncPlan, guards: Guards) -> Iterator[str]:
    for code, count, problem in (
        ("empty-keys", plan.empty_keys, "have no key"),
        ("duplicate-keys", plan.duplicate_keys, "share their key with another row"),
    ):
        if count > guards.max_bad_keys_share * plan.rows:
            yield (
                f"{code}: {_share(count, plan.rows)} rows {problem} "
                f"(guards.max_bad_keys_share {guards.max_bad_keys_share:g})"
            )


def _change_problems(
    plan: SyncPlan, guards: Guards, *, mode: SyncMode
) -> Iterator[str]:
    if plan.vanished_columns:
        names = ", ".join(plan.vanished_columns)
        yield f"vanished-column: the query no longer returns {names}"
    is_large = plan.deleted > guards.max_deleted_rows
    if is_large and plan.deleted > guards.max_deleted_share * plan.previous_rows:
        yield (
            f"deletions: {_share(plan.deleted, plan.previous_rows)} rows have vanished "
            f"(guards.max_deleted_share {guards.max_deleted_share:g}, "
            f"max_deleted_rows {guards.max_deleted_rows})"
        )
    changed = plan.added + plan.updated
    is_large = changed > CHANGED_MIN_ROWS and mode is not SyncMode.APPEND
    if is_large and changed > guards.max_changed_share * plan.previous_rows:
        yield (
            f"changes: {_share(changed, plan.previous_rows)} rows are new or updated "
            f"(guards.max_changed_share {guards.max_changed_share:g})"
        )


def _share(count: int, total: int) -> str:
    return f"{count:,} of {total:,}"


def vanished(previous: Sequence[str], current: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the last run that this run does not have."""
    return tuple(name for name in previous if name not in current)
