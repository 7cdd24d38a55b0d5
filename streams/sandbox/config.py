"""How a sandbox behaves: everything a test or an operator can choose."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from streams.sandbox.control.journal import journal_directory
from streams.sandbox.jsonapi.messages import EpochClock
from streams.sandbox.limits import LISTS_PER_DAY


class UnknownMetricHandling(StrEnum):
    """What happens to an event whose metric does not exist yet."""

    CREATE = "create"
    IGNORE = "ignore"


class DuplicateScope(StrEnum):
    """Against what a bulk request's `unique_id`s are judged.

    Klaviyo does not say whether a repeat of an event that is already recorded fails
    the request too; both can be had.
    """

    REQUEST = "request"
    HISTORY = "history"


def wall_clock_s() -> float:
    """Seconds since the epoch: the clock of a sandbox that was given none."""
    return time.time()  # noqa: TID251  # a server's own clock; tests inject another


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """The choices.

    Attributes:
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        keys: Private key to its scopes, `*` meaning all; None accepts any key.
        oldest_revision: Older `revision` headers are answered with 410.
        quota_scale: 1.0 is Klaviyo's quotas, 0.1 ten times smaller, None is off.
        lists_per_day: List creations a day; None is off. Not scaled.
        job_queued_s: How long an import job waits before it is processed.
        job_s: How long it is then processed.
        job_jitter_s: Up to this much more, by chance: jobs overtake each other.
        apply_delay_s: How long events, consent, merges and deletions take to be applied.
        unknown_metrics: What happens to events of metrics that do not exist.
        metrics: Names of metrics that exist from the beginning.
        bulk_duplicates: Against what repeats in a bulk of events are judged.
        double_opt_in: Whether subscribing without a list needs a confirmation, the
            account's default.
        log_size: How many requests the log keeps.
        journal: Directory in which every request is kept with its body; None is none.
            Unless given, what the environment names in `SANDBOX_JOURNAL`.
        seed: Of all chance in the sandbox.
        clock_s: Seconds since the epoch.
    """

    host: str = "127.0.0.1"
    port: int = 0
    keys: Mapping[str, frozenset[str]] | None = None
    oldest_revision: str = "2024-10-15"
    quota_scale: float | None = 1.0
    lists_per_day: int | None = LISTS_PER_DAY
    job_queued_s: float = 0.05
    job_s: float = 0.2
    job_jitter_s: float = 0.0
    apply_delay_s: float = 0.0
    unknown_metrics: UnknownMetricHandling = UnknownMetricHandling.CREATE
    metrics: tuple[str, ...] = ()
    bulk_duplicates: DuplicateScope = DuplicateScope.REQUEST
    double_opt_in: bool = False
    log_size: int = 10_000
    journal: Path | None = field(default_factory=journal_directory)
    seed: int = 0
    clock_s: EpochClock = field(default=wall_clock_s)


ALL_SCOPES = frozenset({"*"})
"""The scopes of a key that may do everything."""
