"""The tables at the end of a demo."""

import io
from collections import Counter
from typing import Any

from rich.console import Console

from agents.demo import tables
from agents.demo.verdict import Check, Edges


def _cells(table: object) -> list[list[str]]:
    """The rows of a printed table, heading first."""
    console = Console(file=io.StringIO(), width=120)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().replace("┃", "│").splitlines()
    return [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in lines
        if "│" in line
    ]


def _requests(path: str, status: int, *, requests: int, items: int) -> dict[str, Any]:
    counts = {"requests": requests, "items": items}
    return {"method": "POST", "path": path, "status": status, **counts}


def test_the_comparison_has_a_row_a_list() -> None:
    """Counts and the verdict; a name is printed as it is, markup and all."""
    check = Check(name="[b]vip", expected=frozenset("ab"), held=frozenset("bcd"))

    assert _cells(tables.comparison([check]))[1:] == [
        ["[b]vip", "2", "3", "1", "2", "DIFFERENT"]
    ]


def test_outcomes_are_counted_by_stage_verdict_and_reason() -> None:
    """What was delivered has no reason: its action stands there."""
    endings = Counter(
        {
            ("deliver.lists", "add", "delivered", ""): 3,
            ("deliver.lists", "add", "discarded", "superseded"): 2,
            ("deliver.lists", "", "discarded", "superseded"): 4,
            ("activate", "", "discarded", "repeat"): 1,
        }
    )

    assert _cells(tables.outcomes(endings))[1:] == [
        ["activate", "discarded", "repeat", "1"],
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

    assert _cells(tables.requests(counters))[1:] == [
        ["create_list", "5", "2", "3", "0"],
        ["create_or_update_profile", "1", "0", "0", "1"],
        ["all", "6", "2", "3", "1"],
    ]


def test_the_sum_of_the_edges_is_written_out() -> None:
    """That it does not add up is said, not left to be computed."""
    equal = Edges(true=6, sent=3, superseded=2, no_profile=1)
    lost = Edges(true=7, sent=3, superseded=2, no_profile=1)

    assert tables.sum_of(equal).plain.startswith(
        "6 true changes of membership = 3 sent + 2 superseded"
    )
    assert "membership IS NOT 3 sent" in tables.sum_of(lost).plain
