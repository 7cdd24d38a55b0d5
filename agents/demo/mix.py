"""What a workload is made of, for who watches."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agents.demo.workload import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What was published, counted; the last four count each different event once.

    Attributes:
        published: Records in all.
        repeats: Of these, word for word what was published before.
        late: Of these, first told after something that happened later.
        users: Whom they are about.
        moves: Into and out of audiences.
        upserts: Profile updates.
        consents: Subscriptions and their ends.
        orders: Orders.
    """

    published: int
    repeats: int
    late: int
    users: int
    moves: int
    upserts: int
    consents: int
    orders: int


def mix(published: Sequence[Happening]) -> Mix:
    """Count what was published."""
    seen: set[bytes] = set()
    late, newest_ms = 0, 0
    kinds: Counter[str] = Counter()
    for one in published:
        if one.body not in seen:
            seen.add(one.body)
            late += one.time_ms < newest_ms
            kinds[_kind(one)] += 1
        newest_ms = max(newest_ms, one.time_ms)
    return Mix(
        published=len(published),
        repeats=len(published) - len(seen),
        late=late,
        users=len({one.user for one in published}),
        moves=kinds["move"],
        upserts=kinds["upsert"],
        consents=kinds["consent"],
        orders=kinds["order"],
    )


def _kind(one: Happening) -> str:
    if one.audience:
        return "move"
    if one.upserts:
        return "upsert"
    if one.consents:
        return "consent"
    return "order" if len(one.recorded) > 1 else "view"
