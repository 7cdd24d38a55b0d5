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

from agents.demo import tables
from agents.demo.mix import mix
from agents.demo.people import customers
from agents.demo.progress import display_for
from agents.demo.stage import Stage, staged
from agents.demo.traffic import Endings
from agents.demo.verdict import Holdings, Judgement, judge
from agents.demo.watch import endings_of
from agents.demo.workload import Happening, Shape, publish, truth
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
class Plan:
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


def play(plan: Plan, console: Console) -> int:
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
    def __init__(self, plan: Plan, console: Console, home: Path) -> None:
        self._plan = plan
        self._console = console
        self._home = home
        self._start_s = time.monotonic()

    def play(self) -> int:
        """Everything between the first line printed and the last process ended."""
        events = self._events()
        self._say("starting a broker, a local Klaviyo and a worker ...")
        try:
            with staged(self._plan.kafka, self._home) as stage:
                judgement = self._judged(stage, events)
                self._keep(stage)
        except StreamsError as fault:
            self._say(f"FAILED: {fault}")
            return 1
        return judgement.exit_code

    def _events(self) -> list[Happening]:
        shape = Shape(
            events=self._plan.events,
            users=self._users,
            audiences=AUDIENCES,
            other=OTHER,
            orders=ORDERS,
            consents=CONSENTS,
        )
        events = publish(shape, seed=self._plan.seed)
        made = mix(events)
        self._say(
            f"{made.published} events of {made.users} users (seed {self._plan.seed}): "
            f"{made.repeats} are repeats, {made.late} come late; "
            f"{made.moves} move somebody in or out of an audience, "
            f"{made.orders} are orders, {made.consents} change a consent, "
            f"{made.upserts} update a profile; audiences: {', '.join(AUDIENCES)}"
        )
        return events

    @property
    def _users(self) -> int:
        return max(1, self._plan.events // EVENTS_PER_USER)

    def _judged(self, stage: Stage, events: Sequence[Happening]) -> Judgement:
        stage.tell("profiles", customers(self._users))
        display = display_for(self._console, ci=os.environ.get("CI", ""))
        limit_s = self._start_s + LIMIT_S
        endings = endings_of(events, stage, display, limit_s=limit_s)
        held = Holdings(
            lists=stage.ask("lists"),
            profiles=stage.ask("profiles"),
            events=stage.ask("events"),
            consents=stage.ask("consent"),
        )
        judgement = judge(truth(events, AUDIENCES), held, endings=endings)
        self._show(judgement, stage, endings)
        return judgement

    def _show(self, judgement: Judgement, stage: Stage, endings: Endings) -> None:
        counters = stage.ask("requests")["counters"]
        self._console.print()
        self._console.print(tables.outcomes(endings))
        self._console.print(tables.requests(counters))
        self._console.print(tables.comparison(judgement.checks))
        self._console.print(tables.sum_of(judgement.edges), soft_wrap=True)
        elapsed_s = time.monotonic() - self._start_s
        words = "all equal" if judgement.passed else "NOT EQUAL"
        self._say(f"{words}, after {elapsed_s:.0f} s")

    def _keep(self, stage: Stage) -> None:
        if self._plan.keep:
            url = stage.settings.klaviyo_url
            self._say(f"the sandbox stays up until Ctrl-C: {url}/sandbox/lists")
            with suppress(KeyboardInterrupt):
                signal.pause()

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
