"""Selection of dead letters: filters, and counts by stage and fault."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from streams.dead_letters.record import DeadLetterRecord, TopicOffset


class DeadLetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that a dead letter must all meet.

    Attributes:
        code: Code of the fault; empty for any.
        stage: Stage at which it failed; `deliver` for every lane, empty for any.
        since_ms: Earliest timestamp, milliseconds since the epoch.
        until_ms: Timestamp that all must be older than.
        topic_offsets: Offsets to choose from; empty for any.
    """

    code: str = ""
    stage: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    topic_offsets: frozenset[TopicOffset] = frozenset()

    @property
    def is_empty(self) -> bool:
        """True if every dead letter meets the conditions."""
        return self == DeadLetterFilter()

    def matches(self, record: DeadLetterRecord) -> bool:
        """Return True if a dead letter meets all conditions."""
        return (
            self.code in ("", record.code)
            and self.stage in ("", record.stage, record.stage.partition(".")[0])
            and (self.since_ms is None or record.timestamp_ms >= self.since_ms)
            and (self.until_ms is None or record.timestamp_ms < self.until_ms)
            and (not self.topic_offsets or record.topic_offset in self.topic_offsets)
        )


class DeadLetterGroup(NamedTuple):
    """Number of dead letters with the same stage and fault.

    Attributes:
        stage: Stage at which they failed; empty if unknown.
        code: Code of the fault.
        record_count: Number of dead letters.
        first_ms: Timestamp of the first, milliseconds since the epoch.
        last_ms: Timestamp of the last.
        last_offset: Offset of the last.
    """

    stage: str
    code: str
    record_count: int
    first_ms: int
    last_ms: int
    last_offset: TopicOffset


def group_by_fault(records: Iterable[DeadLetterRecord]) -> list[DeadLetterGroup]:
    """Count dead letters by stage and fault, in the order of the names."""
    groups: dict[tuple[str, str], DeadLetterGroup] = {}
    for record in records:
        name = (record.stage, record.code)
        single = DeadLetterGroup(
            *name, 1, record.timestamp_ms, record.timestamp_ms, record.topic_offset
        )
        group = groups.get(name)
        groups[name] = single if group is None else _merge_groups(group, single)
    return [groups[name] for name in sorted(groups)]


def _merge_groups(group: DeadLetterGroup, other: DeadLetterGroup) -> DeadLetterGroup:
    last = max(group, other, key=lambda group: (group.last_ms, group.last_offset))
    return last._replace(
        record_count=group.record_count + other.record_count,
        first_ms=min(group.first_ms, other.first_ms),
    )
