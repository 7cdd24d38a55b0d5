"""Trap L6: members join and leave, over and over, with a table and a backlog."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.kafka.traps.job import DONE, Store
from tests.kafka.traps.lab import Lab
from tests.kafka.traps.process import Worker

PARTITIONS, USERS = 4, 200
BACKLOG = 3_000
"""Records put in front of each newcomer, more than it reads while it joins."""

_JOIN_S = 20.0
"""A newcomer that has done nothing by then is left as it is: stock Faust's may hang."""

_STALLED_S = 15.0
"""No commit for so long, with nothing to wait for, is none for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Churned:
    """How it ended.

    Attributes:
        records: How many there were.
        never_done: Records that no worker processed.
        forgotten: Values that were processed and are in no row of the table.
        behind: Records past the commit of each partition.
        codes: How the workers that were asked to leave ended.
    """

    records: int
    never_done: int
    forgotten: int
    behind: list[int]
    codes: set[int]

    @property
    def whole(self) -> bool:
        """Nothing lost, nothing stuck."""
        return not (self.never_done or self.forgotten or any(self.behind))

    def __str__(self) -> str:
        return (
            f"{self.never_done} of {self.records} records never processed, "
            f"{self.forgotten} missing in the table, "
            f"records past the commit by partition {self.behind}, "
            f"exit codes {sorted(self.codes)}"
        )


def churn(lab: Lab, program: str, *, store: Store, cycles: int = 10) -> Churned:
    """Let two members take turns, a newcomer each cycle; wait for the rest."""
    lab.lay_out(partitions=PARTITIONS)
    names = itertools.cycle("ab")
    codes = set()
    staying: Worker | None = None
    for cycle in range(cycles + 1):
        lab.produce(_backlog(cycle), users=USERS)
        newcomer = _join(lab, program, name=next(names), store=store)
        if staying is not None:
            codes.add(staying.terminate())
        staying = newcomer
    _await_rest(lab)
    return _judge(lab, codes, records=BACKLOG * (cycles + 1))


def _backlog(cycle: int) -> list[bytes]:
    first = cycle * BACKLOG
    return [b"%d" % number for number in range(first, first + BACKLOG)]


def _join(lab: Lab, program: str, *, name: str, store: Store) -> Worker:
    pace = {"max_records": 40, "pace_s": 0.02}
    before, began_s = _done_by(lab, name), time.monotonic()
    worker = lab.start(program, "tabulate", name=name, store=store, **pace)
    lab.until(
        lambda: (
            _done_by(lab, name) > before
            or _settled(lab)
            or time.monotonic() - began_s > _JOIN_S
        )
    )
    return worker


def _done_by(lab: Lab, name: str) -> int:
    return sum(entry.worker == name for entry in lab.entries(DONE))


def _settled(lab: Lab) -> bool:
    return lab.committed() == lab.ends()


def _await_rest(lab: Lab) -> None:
    """Until the commits are at their ends, or have stood still for long."""
    moved_s, last = time.monotonic(), lab.committed()
    stalled: Callable[[], bool] = lambda: time.monotonic() - moved_s > _STALLED_S  # noqa: E731 - reads the two above
    while not (_settled(lab) or stalled()):
        time.sleep(0.2)
        if (now := lab.committed()) != last:
            moved_s, last = time.monotonic(), now


def _judge(lab: Lab, codes: set[int], *, records: int) -> Churned:
    rows = lab.rows()
    held = {value for row in rows.values() for value in row.split(b",")}
    commits = zip(lab.ends(), lab.committed(), strict=True)
    return Churned(
        records=records,
        never_done=records - len(lab.seen()),
        forgotten=records - len(held),
        behind=[end - committed for end, committed in commits],
        codes=codes,
    )
