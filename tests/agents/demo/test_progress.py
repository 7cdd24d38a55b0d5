"""Progress output of a demo, on a terminal and elsewhere."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from agents.demo.progress import (
    DemoProgress,
    ProgressBars,
    ProgressLines,
    create_display,
)

BEGIN = DemoProgress(
    elapsed_s=0.1, total=20, published=3, settled=0, rate_per_s=0.0, list_sizes={}
)
END = DemoProgress(
    elapsed_s=3.0,
    total=20,
    published=20,
    settled=20,
    rate_per_s=7.4,
    list_sizes={"vip": 4, "cart": 2},
)


def _console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120)


def _printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("terminal", "ci", "kind"),
    [
        pytest.param(True, "", ProgressBars, id="a-terminal"),
        pytest.param(True, "true", ProgressLines, id="a-terminal-of-ci"),
        pytest.param(False, "", ProgressLines, id="a-file"),
    ],
)
def test_bars_are_for_who_watches(terminal: bool, ci: str, kind: type) -> None:
    """Control characters in a log file help nobody."""
    assert type(create_display(_console(terminal=terminal), ci=ci)) is kind


def test_lines_are_plain_few_and_whole() -> None:
    """The first, one each two seconds, and the last; each says everything."""
    console = _console(terminal=False)
    with ProgressLines(console) as display:
        for shown in (BEGIN, replace(BEGIN, elapsed_s=1.0), END):
            display.show(shown)

    assert _printed(console).splitlines() == [
        "  0.1 s  published 3/20  with an outcome 0/20  0/s  lists: none yet",
        "  3.0 s  published 20/20  with an outcome 20/20  7/s  lists: cart 2, vip 4",
    ]


def test_bars_show_the_counts_the_rate_and_the_lists() -> None:
    """All of a snapshot is on the screen."""
    console = _console(terminal=True)
    with ProgressBars(console) as display:
        display.show(BEGIN)
        display.show(END)

    printed = _printed(console)
    assert "20/20" in printed
    assert "7/s" in printed
    assert "cart 2, vip 4" in printed
