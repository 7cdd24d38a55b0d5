"""Service of several syncs: runs each of them at its times, one after the other."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from agents.admin.warehouse.runner import SyncRunner
from streams.destination.syncs.model import Schedule
from streams.errors import ConfigError

TAKEOVER_EVERY_S: Final = 5.0
"""Ours: time between two looks at whether a machine has died in the middle of a run."""

NextTime = Callable[[datetime], datetime]
"""Returns the first time of a run after a time."""


def schedule_of(schedule: Schedule, *, at: str) -> NextTime:
    """Return the times of a schedule.

    Raises:
        ConfigError: The cron expression is wrong, with its path.
    """
    zone = ZoneInfo(schedule.timezone)

    def next_time(now: datetime) -> datetime:
        return next(CronSim(schedule.cron, now.astimezone(zone)))

    try:
        next_time(datetime(2026, 1, 1, tzinfo=UTC))
    except (CronSimError, StopIteration) as fault:
        reason = str(fault) or "never comes"
        raise ConfigError([f"{at}.cron: {schedule.cron}: {reason}"]) from None
    return next_time


def run_at_times(
    runners: Sequence[SyncRunner],
    next_times: Sequence[NextTime],
    *,
    run: Callable[[SyncRunner], object],
    now: Callable[[], datetime],
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Run syncs at their times until the process is stopped.

    A time that comes while another sync runs is not lost: that sync runs next. Nothing
    runs at a time at which another machine has run the sync. Between the times, a run
    is ended that another machine has left half sent.

    Args:
        runners: The syncs.
        next_times: Times of each sync.
        run: Runs a sync once; errors are its own.
        now: The clock.
        wait: Waits for seconds.
    """
    due = [next_time(now()) for next_time in next_times]
    while due:
        index = due.index(min(due))
        remaining_s = (due[index] - now()).total_seconds()
        if remaining_s > 0:
            wait(min(remaining_s, TAKEOVER_EVERY_S))
            for runner in runners:
                if runner.is_interrupted_elsewhere():
                    run(runner)
            continue
        if not runners[index].has_run_since(due[index]):
            run(runners[index])
        due[index] = next_times[index](now())
