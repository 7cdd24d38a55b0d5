"""Tables printed at the end of a demo."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from rich.table import Table
from rich.text import Text

from agents.demo.comparison import EQUAL, ComparisonRow
from agents.demo.kafka_traffic import OutcomeCounts
from agents.demo.report import TransitionTotals
from streams.sandbox.operations import OPERATIONS

THROTTLED = 429
REFUSED = 400
"""Lowest status of a refused request."""

_NAMES = {(item.method, item.path): item.name for item in OPERATIONS.values()}
_NUMBERS: dict[str, Any] = {"justify": "right"}


def comparison_table(rows: Sequence[ComparisonRow]) -> Table:
    """Build the comparison table, with a rule between kinds.

    Column "extra" counts unexpected entries and duplicates.
    """
    table = Table(
        title="Klaviyo compared with the expected state", title_justify="left"
    )
    table.add_column("list, metric,\nconsent", overflow="fold")
    for name in ("expected", "in\nKlaviyo", "missing", "extra", "wrong"):
        table.add_column(name, **_NUMBERS)
    table.add_column("verdict")
    for row, next_row in zip_longest(rows, rows[1:]):
        counts = (len(row.expected), len(row.actual))
        faults = (row.missing, row.unexpected, row.wrong)
        style = "green" if row.verdict == EQUAL else "bold red"
        table.add_row(
            Text(row.name),
            *map(str, (*counts, *faults)),
            Text(row.verdict, style=style),
            end_section=next_row is None or next_row.kind != row.kind,
        )
    return table


def outcome_table(outcomes: OutcomeCounts) -> Table:
    """Build the table of outcomes."""
    title = "Outcomes (at least one per event)"
    table = Table(title=title, title_justify="left")
    for name in ("stage", "verdict", "reason"):
        table.add_column(name, overflow="fold")
    table.add_column("events", **_NUMBERS)
    counts: Counter[tuple[str, str, str]] = Counter()
    for (stage, action, verdict, code), count in outcomes.items():
        counts[stage, verdict, code or action] += count
    for cells, count in sorted(counts.items()):
        table.add_row(*cells, str(count))
    return table


def request_table(counters: Iterable[Mapping[str, Any]]) -> Table:
    """Build the table of requests to Klaviyo."""
    by_operation: dict[str, Counter[str]] = {}
    for counter in counters:
        operation = _NAMES.get((counter["method"], counter["path"]), counter["path"])
        counts = by_operation.setdefault(operation, Counter())
        counts["requests"] += counter["requests"]
        counts["items"] += counter["items"]
        if counter["status"] == THROTTLED:
            counts["throttled"] += counter["requests"]
        elif counter["status"] >= REFUSED:
            counts["refused"] += counter["requests"]
    table = Table(title="Requests to Klaviyo", title_justify="left")
    table.add_column("operation", overflow="fold")
    columns = ("requests", "items", "throttled", "refused")
    for name in columns:
        table.add_column("429" if name == "throttled" else name, **_NUMBERS)
    for operation, counts in sorted(by_operation.items()):
        table.add_row(operation, *(str(counts[name]) for name in columns))
    total = sum(by_operation.values(), Counter[str]())
    table.add_section()
    table.add_row("all", *(str(total[name]) for name in columns))
    return table


def transition_line(totals: TransitionTotals) -> Text:
    """Build the line that sums up the transitions."""
    sign, style = (
        ("=", "green")
        if totals.expected == totals.accounted_for
        else ("IS NOT", "bold red")
    )
    return Text.assemble(
        f"{totals.expected} true changes of membership ",
        (sign, style),
        f" {totals.sent} sent + {totals.superseded} superseded by a later one"
        f" + {totals.no_profile} removals of people Klaviyo does not know",
    )
