"""Summary of a workload, for the demo's output."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agents.demo.workload.generator import SampleEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSummary:
    """Counts of published events; the last four leave out duplicates.

    Attributes:
        published: Number of records.
        duplicates: Number of records equal to an earlier record.
        late: Number of events first published after a newer event.
        users: Number of users.
        transitions: Number of audience events.
        upserts: Number of profile updates.
        consents: Number of consent changes.
        orders: Number of orders.
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
    """Count the published events by kind."""
    seen: set[bytes] = set()
    late, newest_ms = 0, 0
    kinds: Counter[str] = Counter()
    for event in published:
        if event.body not in seen:
            seen.add(event.body)
            late += event.time_ms < newest_ms
            kinds[_kind(event)] += 1
        newest_ms = max(newest_ms, event.time_ms)
    return WorkloadSummary(
        published=len(published),
        duplicates=len(published) - len(seen),
        late=late,
        users=len({event.user for event in published}),
        transitions=kinds["move"],
        upserts=kinds["upsert"],
        consents=kinds["consent"],
        orders=kinds["order"],
    )


def _kind(event: SampleEvent) -> str:
    if event.audience:
        return "move"
    if event.is_profile_update:
        return "upsert"
    if event.consents:
        return "consent"
    return "order" if len(event.expected_events) > 1 else "view"
