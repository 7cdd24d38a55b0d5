"""Lines that describe syncs, their plans and their changes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from streams.destination.syncs.model import Sync
from streams.warehouse.plan import SyncPlan

if TYPE_CHECKING:
    from agents.admin.warehouse.lock import SyncStatus

MASK_SHOWN: Final = 3
"""Characters of a key that a sample shows."""


def sync_lines(sync: Sync, *, topic: str) -> Iterator[str]:
    """Yield lines that describe a sync."""
    source = sync.dbt.model if sync.dbt else "sql"
    yield f"sync {sync.name}: {sync.mode}, model {sync.model}, to topic {topic}"
    connection = sync.connection_env or sync.connection_file
    yield f"  rows: {source}, connection from {connection}"
    yield f"  key: {', '.join(sync.key)}"
    yield f"  columns that count: {', '.join(sync.columns) or 'all'}"
    if sync.audience:
        yield f"  audience: {sync.audience}"
    if sync.schedule:
        yield f"  schedule: {sync.schedule.cron} ({sync.schedule.timezone})"


def columns_lines(columns: Sequence[str]) -> Iterator[str]:
    """Yield a line with the columns of a query, and a warning for bytes."""
    yield f"  query returns: {', '.join(columns)}"
    for name in columns:
        if name.endswith("(bytes)"):
            yield f"  warning: {name.split()[0]} holds bytes, which are sent as base64"


def status_lines(status: "SyncStatus") -> Iterator[str]:
    """Yield lines that describe the last step of a sync."""
    updated = ""
    if status.updated_ms:
        at = datetime.fromtimestamp(status.updated_ms / 1000, UTC)
        updated = f", at {at:%Y-%m-%dT%H:%M:%SZ}"
    yield f"{status.sync}: {status.phase}, {status.generation} runs ended{updated}"
    if status.plan:
        yield from _plan_lines(status.plan)
        yield f"  sent       {status.sent:>12,}"
    for problem in status.problems:
        yield f"  {problem}"
    if status.phase == "paused":
        yield f"  to release it: klaviyo-streams sync approve {status.sync}"
    if status.error:
        yield f"  the last run failed: {status.error}"


def _plan_lines(plan: SyncPlan) -> Iterator[str]:
    first = ", the first run" if plan.is_first else f", {plan.previous_rows:,} before"
    yield f"  rows       {plan.rows:>12,}{first}"
    for name, count in (
        ("new", plan.added),
        ("updated", plan.updated),
        ("deleted", plan.deleted),
    ):
        yield f"  {name:<10} {count:>12,}"
    if plan.empty_keys or plan.duplicate_keys:
        yield (
            f"  rejected: {plan.empty_keys:,} rows without a key, "
            f"{plan.duplicate_keys:,} rows with the key of another row"
        )


def sample_lines(samples: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a line for each change of a sample, with most of the row's key masked."""
    for change, key in samples:
        yield f"  {change:<8} {key[:MASK_SHOWN]}***"
