"""Run of a demo, from the first event to the report."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agents.demo import report_tables
from agents.demo.environment import Environment, start_environment
from agents.demo.kafka_traffic import OutcomeCounts
from agents.demo.progress import create_display
from agents.demo.report import DemoReport, SandboxSnapshot, build_report
from agents.demo.tracking import publish_and_wait
from agents.demo.workload.generator import (
    SampleEvent,
    WorkloadShape,
    compute_expected,
    generate,
)
from agents.demo.workload.summary import summarize
from agents.demo.workload.users import customer_profiles
from agents.shared.signals import interrupt_on_signals
from streams.errors import StreamsError

AUDIENCES = ("abandoned-cart", "vip")
EVENTS_PER_USER = 10
OTHER = 0.5
"""Share of events without an audience."""

ORDERS = 0.15
CONSENTS = 0.4
"""Shares among these; after two consent changes a user only views products."""

LIMIT_S = 105.0
"""Time from start to the last outcome; with the cleanup it is below two minutes."""

LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Options of a demo, from the command line.

    Attributes:
        events: Number of different events; about a fifth is published twice.
        seed: Seed for the generated events.
        kafka: `host:port,...`; empty for the embedded broker.
        keep: True to keep the sandbox running until interrupted.
    """

    events: int
    seed: int
    kafka: str = ""
    keep: bool = False


def run_demo(options: DemoOptions, console: Console) -> int:
    """Run a demo until the report is printed.

    Returns:
        The exit code: 0 if Klaviyo ends as expected, else 1.

    Raises:
        KeyboardInterrupt: On SIGINT and SIGTERM, after the cleanup.
    """
    interrupt_on_signals()
    home = Path(tempfile.mkdtemp(prefix="klaviyo-streams-demo-"))
    try:
        code = _Demo(options, console, home).run()
    except KeyboardInterrupt:
        shutil.rmtree(home, ignore_errors=True)
        raise
    if code:
        _print_logs(home, console)
    else:
        shutil.rmtree(home, ignore_errors=True)
    return code


def _print_logs(home: Path, console: Console) -> None:
    log = home / "worker.log"
    lines = [f"the output of the processes is in {home}"]
    if log.exists():
        tail = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        lines += [f"{log} ends:", *tail]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


class _Demo:
    def __init__(self, options: DemoOptions, console: Console, home: Path) -> None:
        self._options = options
        self._console = console
        self._home = home
        self._start_s = time.monotonic()

    def run(self) -> int:
        """Publish, wait and compare; return the exit code."""
        events = self._events()
        self._print("starting a broker, a local Klaviyo and a worker ...")
        try:
            with start_environment(self._options.kafka, self._home) as environment:
                report = self._publish_and_compare(environment, events)
                self._wait_if_kept(environment)
        except StreamsError as error:
            self._print(f"FAILED: {error}")
            return 1
        return report.exit_code

    def _events(self) -> list[SampleEvent]:
        shape = WorkloadShape(
            events=self._options.events,
            users=self._users,
            audiences=AUDIENCES,
            other=OTHER,
            orders=ORDERS,
            consents=CONSENTS,
        )
        events = generate(shape, seed=self._options.seed)
        summary = summarize(events)
        self._print(
            f"{summary.published} events of {summary.users} users "
            f"(seed {self._options.seed}): "
            f"{summary.duplicates} are duplicates, {summary.late} arrive late; "
            f"{summary.transitions} change an audience, "
            f"{summary.orders} are orders, {summary.consents} change a consent, "
            f"{summary.upserts} update a profile; audiences: {', '.join(AUDIENCES)}"
        )
        return events

    @property
    def _users(self) -> int:
        return max(1, self._options.events // EVENTS_PER_USER)

    def _publish_and_compare(
        self, environment: Environment, events: Sequence[SampleEvent]
    ) -> DemoReport:
        environment.store("profiles", customer_profiles(self._users))
        display = create_display(self._console, ci=os.environ.get("CI", ""))
        limit_s = self._start_s + LIMIT_S
        outcomes = publish_and_wait(events, environment, display, limit_s=limit_s)
        snapshot = SandboxSnapshot(
            lists=environment.fetch("lists"),
            profiles=environment.fetch("profiles"),
            events=environment.fetch("events"),
            consents=environment.fetch("consent"),
        )
        report = build_report(
            compute_expected(events, AUDIENCES), snapshot, outcomes=outcomes
        )
        self._print_report(report, environment, outcomes)
        return report

    def _print_report(
        self, report: DemoReport, environment: Environment, outcomes: OutcomeCounts
    ) -> None:
        counters = environment.fetch("requests")["counters"]
        self._console.print()
        self._console.print(report_tables.outcome_table(outcomes))
        self._console.print(report_tables.request_table(counters))
        self._console.print(report_tables.comparison_table(report.rows))
        self._console.print(
            report_tables.transition_line(report.transitions), soft_wrap=True
        )
        elapsed_s = time.monotonic() - self._start_s
        result = "all equal" if report.passed else "NOT EQUAL"
        self._print(f"{result}, after {elapsed_s:.0f} s")

    def _wait_if_kept(self, environment: Environment) -> None:
        if self._options.keep:
            url = environment.settings.klaviyo_url
            self._print(f"the sandbox keeps running until Ctrl-C: {url}/sandbox/lists")
            with suppress(KeyboardInterrupt):
                signal.pause()

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
