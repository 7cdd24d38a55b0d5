"""A demo from its first event to its verdict."""

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
"""Share of the events that have nothing to do with audiences."""

ORDERS = 0.15
CONSENTS = 0.4
"""Shares of these; a user who has changed their consent twice looks at a product."""

LIMIT_S = 105.0
"""From start to the last outcome; with cleaning up it is below two minutes."""

LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What is asked of a demo.

    Attributes:
        events: Different events; about a fifth is published twice.
        seed: Of all chance in them.
        kafka: `host:port,...`; empty for the embedded broker.
        keep: Whether the sandbox stays up until interrupted.
    """

    events: int
    seed: int
    kafka: str = ""
    keep: bool = False


def run_demo(plan: DemoOptions, console: Console) -> int:
    """Play a demo to its end.

    Returns:
        The exit code: 0 when Klaviyo holds the truth, else 1.

    Raises:
        KeyboardInterrupt: On SIGINT and SIGTERM, after all is cleaned up.
    """
    interrupt_on_signals()
    home = Path(tempfile.mkdtemp(prefix="klaviyo-streams-demo-"))
    try:
        code = _Demo(plan, console, home).play()
    except KeyboardInterrupt:
        shutil.rmtree(home, ignore_errors=True)
        raise
    if code:
        _say_logs(home, console)
    else:
        shutil.rmtree(home, ignore_errors=True)
    return code


def _say_logs(home: Path, console: Console) -> None:
    log = home / "worker.log"
    lines = [f"what the processes printed is kept in {home}"]
    if log.exists():
        tail = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        lines += [f"{log} ends:", *tail]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


class _Demo:
    def __init__(self, plan: DemoOptions, console: Console, home: Path) -> None:
        self._plan = plan
        self._console = console
        self._home = home
        self._start_s = time.monotonic()

    def play(self) -> int:
        """Everything between the first line printed and the last process ended."""
        events = self._events()
        self._say("starting a broker, a local Klaviyo and a worker ...")
        try:
            with start_environment(self._plan.kafka, self._home) as stage:
                judgement = self._judged(stage, events)
                self._keep(stage)
        except StreamsError as fault:
            self._say(f"FAILED: {fault}")
            return 1
        return judgement.exit_code

    def _events(self) -> list[SampleEvent]:
        shape = WorkloadShape(
            events=self._plan.events,
            users=self._users,
            audiences=AUDIENCES,
            other=OTHER,
            orders=ORDERS,
            consents=CONSENTS,
        )
        events = generate(shape, seed=self._plan.seed)
        made = summarize(events)
        self._say(
            f"{made.published} events of {made.users} users (seed {self._plan.seed}): "
            f"{made.duplicates} are repeats, {made.late} come late; "
            f"{made.transitions} move somebody in or out of an audience, "
            f"{made.orders} are orders, {made.consents} change a consent, "
            f"{made.upserts} update a profile; audiences: {', '.join(AUDIENCES)}"
        )
        return events

    @property
    def _users(self) -> int:
        return max(1, self._plan.events // EVENTS_PER_USER)

    def _judged(self, stage: Environment, events: Sequence[SampleEvent]) -> DemoReport:
        stage.store("profiles", customer_profiles(self._users))
        display = create_display(self._console, ci=os.environ.get("CI", ""))
        limit_s = self._start_s + LIMIT_S
        endings = publish_and_wait(events, stage, display, limit_s=limit_s)
        held = SandboxSnapshot(
            lists=stage.fetch("lists"),
            profiles=stage.fetch("profiles"),
            events=stage.fetch("events"),
            consents=stage.fetch("consent"),
        )
        judgement = build_report(
            compute_expected(events, AUDIENCES), held, outcomes=endings
        )
        self._show(judgement, stage, endings)
        return judgement

    def _show(
        self, judgement: DemoReport, stage: Environment, endings: OutcomeCounts
    ) -> None:
        counters = stage.fetch("requests")["counters"]
        self._console.print()
        self._console.print(report_tables.outcome_table(endings))
        self._console.print(report_tables.request_table(counters))
        self._console.print(report_tables.comparison_table(judgement.rows))
        self._console.print(
            report_tables.transition_line(judgement.transitions), soft_wrap=True
        )
        elapsed_s = time.monotonic() - self._start_s
        words = "all equal" if judgement.passed else "NOT EQUAL"
        self._say(f"{words}, after {elapsed_s:.0f} s")

    def _keep(self, stage: Environment) -> None:
        if self._plan.keep:
            url = stage.settings.klaviyo_url
            self._say(f"the sandbox stays up until Ctrl-C: {url}/sandbox/lists")
            with suppress(KeyboardInterrupt):
                signal.pause()

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
