"""Configuration of a sandbox: all choices of a test or an operator."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from streams.sandbox.limits import LISTS_PER_DAY
from streams.sandbox.switches import Switches

EpochClock: TypeAlias = Callable[[], float]
"""Function that returns seconds since the epoch."""

JOURNAL_VARIABLE = "SANDBOX_JOURNAL"
"""Environment variable with the journal's directory.

An environment variable reaches a sandbox wherever the sandbox is started. The name
does not begin with `KLAVIYO_`, because the demo removes those settings from its
processes.
"""


def journal_directory() -> Path | None:
    """Return the directory named by the environment; None disables the journal."""
    directory = os.environ.get(JOURNAL_VARIABLE)
    return Path(directory) if directory else None


class UnknownMetricHandling(StrEnum):
    """Treatment of an event with a metric that does not exist yet."""

    CREATE = "create"
    IGNORE = "ignore"


class DuplicateScope(StrEnum):
    """Set of events that the `unique_id`s of a bulk request are compared with.

    Klaviyo does not document whether a duplicate of an event that is already recorded
    fails the request too; both behaviours are available.
    """

    REQUEST = "request"
    HISTORY = "history"


def wall_clock_s() -> float:
    """Return the seconds since the epoch; the default clock of a sandbox."""
    return time.time()  # noqa: TID251  # a server's own clock; tests inject another


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """Behaviour of a sandbox.

    Attributes:
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        keys: Private key to its scopes, `*` meaning all; None accepts any key.
        oldest_revision: Older `revision` headers are answered with 410.
        quota_scale: 1.0 is Klaviyo's quotas, 0.1 ten times smaller, None is off.
        lists_per_day: List creations per day, not scaled; None is off.
        job_queued_s: Time an import job or a merge waits before processing.
        job_s: Processing time of an import job or a merge.
        job_jitter_s: Upper bound of random extra time; jobs may overtake each other.
        apply_delay_s: Delay before events, consent and deletions are applied.
        unknown_metrics: Treatment of events whose metric does not exist.
        metrics: Names of metrics that exist from the beginning.
        bulk_duplicates: Events that `unique_id`s of a bulk request are compared with.
        double_opt_in: Account default: subscribing without a list needs confirmation.
        sms_prefixes: Beginnings of the phone numbers that may consent to SMS.
        switches: Behaviour where Klaviyo's own is not established.
        log_size: Number of requests the log keeps.
        journal: Directory for all requests with bodies; None disables the journal.
            The default comes from the environment variable `SANDBOX_JOURNAL`.
        seed: Seed of all random choices in the sandbox.
        clock_s: Clock in seconds since the epoch.
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
    sms_prefixes: tuple[str, ...] = ("+",)
    switches: Switches = field(default_factory=Switches)
    log_size: int = 10_000
    journal: Path | None = field(default_factory=journal_directory)
    seed: int = 0
    clock_s: EpochClock = field(default=wall_clock_s)


ALL_SCOPES = frozenset({"*"})
"""Scopes of a key that allows every operation."""
