"""How far the demo is: bars on a terminal, plain lines everywhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

LINE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProgress:
    """How far it is.

    Attributes:
        elapsed_s: Since the first event was published.
        total: Events in all.
        published: Events Kafka has.
        settled: Events that have an outcome.
        rate_per_s: Events that get an outcome in a second, of late.
        list_sizes: List name to members in Klaviyo.
    """

    elapsed_s: float
    total: int
    published: int
    settled: int
    rate_per_s: float
    list_sizes: Mapping[str, int]

    @property
    def lists(self) -> str:
        """The lists and their sizes, in words."""
        named = (f"{name} {size}" for name, size in sorted(self.list_sizes.items()))
        return ", ".join(named) or "none yet"


class ProgressDisplay(Protocol):
    """Shows snapshots while its block lasts."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def show(self, now: DemoProgress) -> None:
        """Show how far it is."""
        ...


def create_display(console: Console, *, ci: str) -> ProgressDisplay:
    """Bars where somebody watches.

    Args:
        console: Where to.
        ci: `CI` of the environment; anything in it means that nobody watches.
    """
    return (
        ProgressBars(console)
        if console.is_terminal and not ci
        else ProgressLines(console)
    )


class ProgressLines:
    """A line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_s = -LINE_EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, now: DemoProgress) -> None:
        """Print a line if it is time, and at the end."""
        due = now.elapsed_s - self._last_s >= LINE_EVERY_S
        if due or now.settled >= now.total:
            self._last_s = now.elapsed_s
            self._console.print(_line(now), highlight=False, soft_wrap=True)


def _line(now: DemoProgress) -> str:
    return (
        f"{now.elapsed_s:5.1f} s  published {now.published}/{now.total}"
        f"  with an outcome {now.settled}/{now.total}"
        f"  {now.rate_per_s:.0f}/s  lists: {now.lists}"
    )


class ProgressBars:
    """Two bars and a line, redrawn."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[more]}"),
            console=console,
        )
        self._published = self._bars.add_task("published", total=None, more="")
        self._settled = self._bars.add_task("with an outcome", total=None, more="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, now: DemoProgress) -> None:
        """Redraw."""
        rate = f"{now.rate_per_s:.0f}/s"
        bars = self._bars
        bars.update(
            self._published, total=now.total, completed=now.published, more=now.lists
        )
        bars.update(self._settled, total=now.total, completed=now.settled, more=rate)
