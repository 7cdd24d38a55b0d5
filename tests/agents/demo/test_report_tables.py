"""The tables at the end of a demo."""

import io
from collections import Counter
from typing import Any

from rich.console import Console

from agents.demo import report_tables
from agents.demo.comparison import ComparisonRow
from agents.demo.report import TransitionTotals


def _cells(table: object, *, width: int = 120) -> list[list[str]]:
    """The rows of a printed table, heading first."""
    return [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in _lines(table, width=width)
        if "│" in line
    ]


def _lines(table: object, *, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().replace("┃", "│").splitlines()


def _requests(path: str, status: int, *, requests: int, items: int) -> dict[str, Any]:
    counts = {"requests": requests, "items": items}
    return {"method": "POST", "path": path, "status": status, **counts}


def test_the_comparison_has_a_row_for_each_thing() -> None:
    """Counts and the verdict; a name is printed as it is, markup and all."""
    check = ComparisonRow(
        kind="list",
        name="[b]vip",
        expected={"a": True, "b": True, "c": True},
        actual=[("c", False), ("d", True), ("e", True), ("f", True)],
    )

    assert _cells(report_tables.comparison_table([check]))[2:] == [
        ["[b]vip", "3", "4", "2", "3", "1", "DIFFERENT"]
    ]


def test_the_comparison_has_a_line_between_the_kinds() -> None:
    """Two lists, then a metric."""
    checks = [
        ComparisonRow(kind=kind, name=name, expected={}, actual=[])
        for kind, name in (("list", "vip"), ("list", "new"), ("event", "Viewed"))
    ]

    lines = _lines(report_tables.comparison_table(checks), width=120)

    begins = [line.lstrip("│├ ")[:3] for line in lines[-5:]]
    assert begins == ["vip", "new", "───", "Vie", "└──"]


def test_the_comparison_fits_a_terminal() -> None:
    """In 80 columns no name of the demo is broken."""
    names = ("(profiles updated)", "Checkout Started", "sms/transactional")
    held = [(number, True) for number in range(9_999)]
    checks = [
        ComparisonRow(kind=name, name=name, expected=dict(held), actual=held)
        for name in names
    ]

    rows = _cells(report_tables.comparison_table(checks), width=80)[2:]

    assert [row[0] for row in rows] == [*names]


def test_outcomes_are_counted_by_stage_verdict_and_reason() -> None:
    """A delivered outcome has no reason, so its action is shown."""
    outcomes = Counter(
        {
            ("deliver.lists", "add", "delivered", ""): 3,
            ("deliver.lists", "add", "discarded", "superseded"): 2,
            ("deliver.lists", "", "discarded", "superseded"): 4,
            ("activate", "", "discarded", "duplicate"): 1,
        }
    )

    assert _cells(report_tables.outcome_table(outcomes))[1:] == [
        ["activate", "discarded", "duplicate", "1"],
        ["deliver.lists", "delivered", "add", "3"],
        ["deliver.lists", "discarded", "superseded", "6"],
    ]


def test_requests_are_counted_by_operation_with_what_was_throttled() -> None:
    """Klaviyo's own operation names; refusals and 429s beside them."""
    counters = [
        _requests("/api/lists", 201, requests=2, items=2),
        _requests("/api/lists", 429, requests=3, items=0),
        _requests("/api/profile-import", 400, requests=1, items=0),
    ]

    assert _cells(report_tables.request_table(counters))[1:] == [
        ["create_list", "5", "2", "3", "0"],
        ["create_or_update_profile", "1", "0", "0", "1"],
        ["all", "6", "2", "3", "1"],
    ]


def test_the_sum_of_the_edges_is_written_out() -> None:
    """A wrong sum of transitions is printed as such."""
    equal = TransitionTotals(expected=6, sent=3, superseded=2, no_profile=1)
    lost = TransitionTotals(expected=7, sent=3, superseded=2, no_profile=1)

    assert report_tables.transition_line(equal).plain.startswith(
        "6 true changes of membership = 3 sent + 2 superseded"
    )
    assert "membership IS NOT 3 sent" in report_tables.transition_line(lost).plain
