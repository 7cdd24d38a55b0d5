"""The tables at the end of a demo."""

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
"""From here on a status is a refusal."""

_NAMES = {(one.method, one.path): one.name for one in OPERATIONS.values()}
_NUMBERS: dict[str, Any] = {"justify": "right"}


def comparison_table(checks: Sequence[ComparisonRow]) -> Table:
    """What Klaviyo holds, beside the truth; a line between the kinds.

    Extra is what nobody expects, and what is there twice.
    """
    table = Table(title="Klaviyo against the truth", title_justify="left")
    table.add_column("list, metric,\nconsent", overflow="fold")
    for name in ("expected", "in\nKlaviyo", "missing", "extra", "wrong"):
        table.add_column(name, **_NUMBERS)
    table.add_column("verdict")
    for check, after in zip_longest(checks, checks[1:]):
        counts = (len(check.expected), len(check.actual))
        faults = (check.missing, check.unexpected, check.wrong)
        style = "green" if check.verdict == EQUAL else "bold red"
        table.add_row(
            Text(check.name),
            *map(str, (*counts, *faults)),
            Text(check.verdict, style=style),
            end_section=after is None or after.kind != check.kind,
        )
    return table


def outcome_table(endings: OutcomeCounts) -> Table:
    """What became of the events."""
    title = "Outcomes (an event has one at least)"
    table = Table(title=title, title_justify="left")
    for name in ("stage", "verdict", "reason"):
        table.add_column(name, overflow="fold")
    table.add_column("events", **_NUMBERS)
    counts: Counter[tuple[str, str, str]] = Counter()
    for (stage, action, verdict, code), count in endings.items():
        counts[stage, verdict, code or action] += count
    for words, count in sorted(counts.items()):
        table.add_row(*words, str(count))
    return table


def request_table(counters: Iterable[Mapping[str, Any]]) -> Table:
    """What was asked of Klaviyo."""
    asked: dict[str, Counter[str]] = {}
    for one in counters:
        operation = _NAMES.get((one["method"], one["path"]), one["path"])
        counts = asked.setdefault(operation, Counter())
        counts["requests"] += one["requests"]
        counts["items"] += one["items"]
        if one["status"] == THROTTLED:
            counts["throttled"] += one["requests"]
        elif one["status"] >= REFUSED:
            counts["refused"] += one["requests"]
    table = Table(title="Requests to Klaviyo", title_justify="left")
    table.add_column("operation", overflow="fold")
    columns = ("requests", "items", "throttled", "refused")
    for name in columns:
        table.add_column("429" if name == "throttled" else name, **_NUMBERS)
    for operation, counts in sorted(asked.items()):
        table.add_row(operation, *(str(counts[name]) for name in columns))
    total = sum(asked.values(), Counter[str]())
    table.add_section()
    table.add_row("all", *(str(total[name]) for name in columns))
    return table


def transition_line(edges: TransitionTotals) -> Text:
    """True edges, and that they add up."""
    sign, style = (
        ("=", "green")
        if edges.expected == edges.accounted_for
        else ("IS NOT", "bold red")
    )
    return Text.assemble(
        f"{edges.expected} true changes of membership ",
        (sign, style),
        f" {edges.sent} sent + {edges.superseded} superseded by a later one"
        f" + {edges.no_profile} removals of people Klaviyo does not know",
    )
