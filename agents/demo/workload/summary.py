"""What a workload is made of, for who watches."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agents.demo.workload.generator import SampleEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSummary:
    """What was published, counted; the last four count each different event once.

    Attributes:
        published: Records in all.
        duplicates: Of these, word for word what was published before.
        late: Of these, first told after something that happened later.
        users: Whom they are about.
        transitions: Into and out of audiences.
        upserts: Profile updates.
        consents: Subscriptions and their ends.
        orders: Orders.
    """

    published: int
    duplicates: int
    late: int
    users: int
    transitions: int
    upserts: int
    consents: int
    orders: int


def summarize(published: Sequence[SampleEvent]) -> WorkloadSummary:
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
    return WorkloadSummary(
        published=len(published),
        duplicates=len(published) - len(seen),
        late=late,
        users=len({one.user for one in published}),
        transitions=kinds["move"],
        upserts=kinds["upsert"],
        consents=kinds["consent"],
        orders=kinds["order"],
    )


def _kind(one: SampleEvent) -> str:
    if one.audience:
        return "move"
    if one.is_profile_update:
        return "upsert"
    if one.consents:
        return "consent"
    return "order" if len(one.expected_events) > 1 else "view"
