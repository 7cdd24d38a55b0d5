"""Latency report of a run, as text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.benchmarks.timed import End, Spot, Spread, Timed, spread

_DELIVER = "deliver."


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Times read from topics and sandbox after a run.

    Attributes:
        source: What was published, in that order.
        events: When each source record was passed on by intake.
        lanes: When it was passed on by activate.
        accepted: When the sandbox took what a source record asks for, where its
            request names that: events, and adds by import.
        ends: The last outcome of each source record.
    """

    source: list[Timed]
    events: Mapping[Spot, int]
    lanes: Mapping[Spot, int]
    accepted: Mapping[Spot, int]
    ends: Mapping[Spot, End]

    def stage_of(self, record: Timed) -> str:
        """Return the stage in which a source record ended, or an empty text."""
        end = self.ends.get(record.spot)
        return end.stage if end else ""


def lines(run: Run, *, after: int) -> Iterator[str]:
    """Write all of it, the first so many records left out."""
    wanted = run.source[after:]
    ended = [one for one in wanted if run.stage_of(one).startswith(_DELIVER)]
    yield f"{'seconds':<34}{'events':>7}{'p50':>9}{'p99':>9}{'max':>9}"
    yield from _legs("all", run, ended)
    for stage in sorted(set(map(run.stage_of, ended))):
        mine = [one for one in ended if run.stage_of(one) == stage]
        yield from _legs(stage, run, mine)
    verdicts = [run.ends[one.spot].verdict for one in ended]
    yield f"without an outcome of the last stage: {len(wanted) - len(ended)}"
    for verdict in sorted(set(verdicts)):
        yield f"{verdict}: {verdicts.count(verdict)}"


def _legs(name: str, run: Run, records: Sequence[Timed]) -> Iterator[str]:
    yield name
    waits_s = [_waits_s(run, record) for record in records]
    for leg in ("publish to outcome", "to acceptance", *_STAGES):
        found = spread([one[leg] for one in waits_s if leg in one])
        if found:
            yield _line(leg, found)


_STAGES = ("  intake", "  activate", "  deliver")


def _waits_s(run: Run, record: Timed) -> dict[str, float]:
    """Each leg of a record's way; a stage's ends where what it wrote was produced."""
    spot = record.spot
    times_ms = (record.at_ms, run.events[spot], run.lanes[spot], run.ends[spot].at_ms)
    passed_ms = (end - start for start, end in pairwise(times_ms))
    waits_ms = dict(zip(_STAGES, passed_ms, strict=True))
    waits_ms["publish to outcome"] = times_ms[-1] - record.at_ms
    if spot in run.accepted:
        waits_ms["to acceptance"] = run.accepted[spot] - record.at_ms
    return {leg: wait_ms / 1000 for leg, wait_ms in waits_ms.items()}


def _line(name: str, found: Spread) -> str:
    return (
        f"  {name:<32}{found.count:>7}{found.p50_s:>9.3f}{found.p99_s:>9.3f}"
        f"{found.max_s:>9.3f}"
    )
