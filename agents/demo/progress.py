"""Progress of a demo: bars on a terminal, plain lines elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

LINE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProgress:
    """Progress of a demo at some moment.

    Attributes:
        elapsed_s: Time since the first event was published.
        total: Number of events.
        published: Number of events in Kafka.
        settled: Number of events with all their outcomes.
        rate_per_s: Recent rate of settled events.
        list_sizes: Number of members of each list in Klaviyo.
    """

    elapsed_s: float
    total: int
    published: int
    settled: int
    rate_per_s: float
    list_sizes: Mapping[str, int]

    @property
    def lists(self) -> str:
        """Names and sizes of the lists, as text."""
        sizes = (f"{name} {size}" for name, size in sorted(self.list_sizes.items()))
        return ", ".join(sizes) or "none yet"


class ProgressDisplay(Protocol):
    """Display of progress for the duration of a block."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def show(self, now: DemoProgress) -> None:
        """Show the current progress."""
        ...


def create_display(console: Console, *, ci: str) -> ProgressDisplay:
    """Create bars for a terminal, plain lines for anything else.

    Args:
        console: Output of the display.
        ci: Variable `CI`; if set, the output is a log and gets plain lines.
    """
    return (
        ProgressBars(console)
        if console.is_terminal and not ci
        else ProgressLines(console)
    )


class ProgressLines:
    """Display that prints a line from time to time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_s = -LINE_EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, now: DemoProgress) -> None:
        """Print a line every two seconds, and at the end."""
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
    """Display with two bars and a line, redrawn."""

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
        """Redraw bars and rate."""
        rate = f"{now.rate_per_s:.0f}/s"
        bars = self._bars
        bars.update(
            self._published, total=now.total, completed=now.published, more=now.lists
        )
        bars.update(self._settled, total=now.total, completed=now.settled, more=rate)
