"""Tests of the service: syncs run at the times of their schedules."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.admin.warehouse.runner import SyncRunner
from agents.admin.warehouse.service import run_at_times, schedule_of
from streams.destination.syncs.model import Schedule
from streams.errors import ConfigError
from streams.settings import load_settings
from tests.agents.admin.warehouse.sync_case import read_sync

START = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)


class ClockStopped(Exception):
    """End of the test's time."""


class SimulatedClock:
    """Clock that moves only while somebody waits."""

    def __init__(self, until: datetime) -> None:
        self.now_at, self._until = START, until

    def now(self) -> datetime:
        """Return the simulated time."""
        return self.now_at

    def wait(self, seconds: float) -> None:
        """Move the clock by some seconds."""
        self.now_at += timedelta(seconds=seconds)
        if self.now_at >= self._until:
            raise ClockStopped


def times_of(*schedules: Schedule, hours: float, run_s: float = 0) -> list[str]:
    """Return the times at which a service runs syncs, with the index of each."""
    settings = load_settings({}, None, for_delivery=False)
    runners = [
        SyncRunner(settings, read_sync(), report=lambda _: None) for _ in schedules
    ]
    clock = SimulatedClock(START + timedelta(hours=hours))
    times: list[str] = []

    def run(runner: SyncRunner) -> None:
        times.append(f"{runners.index(runner)} {clock.now_at:%H:%M}")
        clock.wait(run_s)

    with pytest.raises(ClockStopped):
        run_at_times(
            runners,
            [schedule_of(schedule, at="at") for schedule in schedules],
            run=run,
            now=clock.now,
            wait=clock.wait,
        )
    return times


def test_each_sync_runs_at_its_times() -> None:
    """Two schedules in one service."""
    quarter, hour = Schedule(cron="*/15 * * * *"), Schedule(cron="10 * * * *")

    assert times_of(quarter, hour, hours=1) == [
        "0 23:45",
        "0 00:00",
        "1 00:10",
        "0 00:15",
    ]


def test_a_schedule_follows_its_time_zone() -> None:
    """Three o'clock in Stockholm is another time after the clocks have changed."""
    night = Schedule(cron="0 3 * * *", timezone="Europe/Stockholm")

    assert times_of(night, hours=26) == ["0 01:00", "0 01:00"]
    assert times_of(Schedule(cron="0 3 * * *"), hours=26) == ["0 03:00"]


def test_a_time_that_comes_during_a_run_is_not_lost() -> None:
    """The other sync runs next; its own missed times become a single one."""
    quarter = Schedule(cron="*/15 * * * *")

    assert times_of(quarter, quarter, hours=1, run_s=1500) == [
        "0 23:45",
        "1 00:10",
    ]


class SharedRunner(SyncRunner):
    """Runner of a sync that other machines run too, as the test says."""

    interrupted_at: datetime | None = None
    ended_at = START

    def is_interrupted_elsewhere(self) -> bool:
        """Return True once, from the time on at which another machine died."""
        is_interrupted = self.interrupted_at is not None
        self.interrupted_at = None
        return is_interrupted

    def has_run_since(self, due: datetime) -> bool:
        """Return True until the last run of another machine."""
        return self.ended_at >= due


@pytest.mark.parametrize(
    ("interrupted_at", "ended_after_min", "expected"),
    [
        pytest.param(None, 0, ["23:45", "00:00"], id="alone"),
        pytest.param(None, 15, ["00:00"], id="run-by-another-machine"),
        pytest.param(START, 0, ["23:30", "23:45", "00:00"], id="left-half-sent"),
    ],
)
def test_a_service_stands_by_for_other_machines(
    *, interrupted_at: datetime | None, ended_after_min: int, expected: list[str]
) -> None:
    """A time of another machine is skipped, and a run that it left is ended soon."""
    settings = load_settings({}, None, for_delivery=False)
    runner = SharedRunner(settings, read_sync(), report=lambda _: None)
    runner.interrupted_at = interrupted_at
    runner.ended_at = START + timedelta(minutes=ended_after_min)
    clock = SimulatedClock(START + timedelta(minutes=31))
    times: list[str] = []

    with pytest.raises(ClockStopped):
        run_at_times(
            [runner],
            [schedule_of(Schedule(cron="*/15 * * * *"), at="at")],
            run=lambda _: times.append(f"{clock.now():%H:%M}"),
            now=clock.now,
            wait=clock.wait,
        )

    assert times == expected


def test_a_wrong_schedule_names_its_path() -> None:
    """The reader of the file sees only the form of the fields."""
    with pytest.raises(ConfigError, match=r"syncs.a.schedule.cron: 99 \* \* \* \*"):
        schedule_of(Schedule(cron="99 * * * *"), at="syncs.a.schedule")
