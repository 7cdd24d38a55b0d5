"""Quota report of a run, as text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.klaviyo.api.endpoints import ENDPOINTS
from tests.benchmarks.lane_work import Work
from tests.benchmarks.request_counts import (
    WINDOW_S,
    Counted,
    Stretch,
    counted,
    within,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measured values of one run.

    Attributes:
        works: What the lanes had to do.
        scale: Share of the published quotas.
        stretch: What was measured.
        entries: The sandbox's requests, from the beginning.
        before: Records a lane had left when the stretch began.
        after: And when it ended.
        cpu_s: CPU time of the worker in the stretch.
    """

    works: Sequence[Work]
    scale: float
    stretch: Stretch
    entries: Sequence[dict[str, Any]]
    before: Mapping[str, int]
    after: Mapping[str, int]
    cpu_s: float


def lines(run: Measured) -> Iterator[str]:
    """Write all of it."""
    by_name = _by_name(run)
    stretch_s = run.stretch.ends_s - run.stretch.begins_s
    yield (
        f"{run.stretch.windows:.0f} whole windows of {WINDOW_S} s, quotas times"
        f" {run.scale:g}; the worker took {run.cpu_s / stretch_s:.0%} of a core"
    )
    yield from _lanes(run.works, by_name)
    yield from _rates(run)
    yield from _endpoints(by_name)
    yield from _windows(run)


def _by_name(run: Measured) -> dict[str, Counted]:
    entries = within(run.entries, run.stretch)
    return {
        endpoint.name: counted(entries, endpoint, stretch=run.stretch, scale=run.scale)
        for endpoint in ENDPOINTS
    }


def _lanes(works: Sequence[Work], by_name: Mapping[str, Counted]) -> Iterator[str]:
    yield f"\n{'lane':<22}{'limited by':<28}{'quota used':>11}{'429s':>8}"
    for work in works:
        limit = by_name[work.limit.name]
        mine = [limit, *(by_name[one.name] for one in work.beside)]
        asked = sum(one.asked for one in mine)
        refused = sum(one.throttled for one in mine) / asked if asked else 0.0
        yield (
            f"{work.label:<22}{limit.name:<28}{limit.used:>11.1%}{refused:>8.2%}"
            + ("  shared by lists and profiles" if work.shared > 1 else "")
        )


def _rates(run: Measured) -> Iterator[str]:
    yield f"\n{'lane':<22}{'records a minute':>18}{'left':>12}"
    for name, left in run.after.items():
        rate = (run.before[name] - left) / run.stretch.windows
        dry = "" if left else "  ran dry: no backlog to the end"
        yield f"{name:<22}{rate:>18,.0f}{left:>12,}{dry}"


def _endpoints(by_name: Mapping[str, Counted]) -> Iterator[str]:
    yield (
        f"\n{'endpoint':<40}{'quota':>7}{'2xx':>7}{'used':>8}{'429':>6}{'share':>8}"
        f"{'items each':>12}"
    )
    for one in by_name.values():
        if one.asked:
            each = one.items / one.taken if one.taken else 0.0
            yield (
                f"{one.name:<40}{one.quota:>7.0f}{one.taken:>7}{one.used:>8.1%}"
                f"{one.throttled:>6}{one.refused:>8.2%}{each:>12,.0f}"
            )


def _windows(run: Measured) -> Iterator[str]:
    """Window by window from the first request, the stretch last: how it was learned."""
    until_s = run.stretch.ends_s
    began_s = run.entries[0]["time_s"] if run.entries else until_s
    windows = [
        Stretch(begins_s=at_s, ends_s=at_s + WINDOW_S)
        for at_s in range(int(began_s // WINDOW_S) * WINDOW_S, int(until_s), WINDOW_S)
    ]
    yield f"\n{'used, window by window':<30}"
    for endpoint in {work.limit.name: work.limit for work in run.works}.values():
        shares = [
            counted(
                within(run.entries, one), endpoint, stretch=one, scale=run.scale
            ).used
            for one in windows
        ]
        yield f"{endpoint.name:<30}" + "".join(f"{one:>6.0%}" for one in shares)
