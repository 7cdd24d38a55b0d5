"""What a workload is made of, for who watches."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.demo.workload import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What was published, counted.

    Attributes:
        published: Records in all.
        repeats: Of these, word for word what was published before.
        late: Of these, first told after something that happened later.
        users: Whom they are about.
        upserts: Profile updates, each counted once.
    """

    published: int
    repeats: int
    late: int
    users: int
    upserts: int


def mix(published: Sequence[Happening]) -> Mix:
    """Count what was published."""
    seen: set[bytes] = set()
    late, upserts, newest_ms = 0, 0, 0
    for one in published:
        if one.body not in seen:
            seen.add(one.body)
            late += one.time_ms < newest_ms
            upserts += one.upserts
        newest_ms = max(newest_ms, one.time_ms)
    return Mix(
        published=len(published),
        repeats=len(published) - len(seen),
        late=late,
        users=len({one.user for one in published}),
        upserts=upserts,
    )
