"""Selection of the records that a replay publishes again."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from streams.actions.activation import Activation
from streams.audiences.audience_events import audience_events_in
from streams.errors import ConfigError, PoisonRecord
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.events.time import parse_iso_ms
from streams.triggers.trigger import compile_trigger

_OFFSET_RANGE: Final = re.compile(r"(\d+):(\d*)-(\d*)")


class ReplaySelection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Range of a topic, and a filter for the records in the range.

    Attributes:
        topic: Name of the topic.
        offset_ranges: Partition → first offset, and the offset after the last; None for
            the end of the partition. Empty for every partition as a whole.
        since_ms: Only records written at this time or later, milliseconds since the
            epoch.
        until_ms: Only records written before this time.
        user: Only records of this user.
        audience: Only records about this audience.
        where: Only events that match this FQL.
        mode: Purpose of the replay.
    """

    topic: str
    offset_ranges: dict[int, tuple[int, int | None]] = {}
    since_ms: int | None = None
    until_ms: int | None = None
    user: str = ""
    audience: str = ""
    where: str = ""
    mode: ReplayMode = ReplayMode.CHANGES_ONLY


def parse_offset_ranges(
    whole_partitions: Iterable[int], range_texts: Iterable[str]
) -> dict[int, tuple[int, int | None]]:
    """Parse the options `--partition` and `--offsets`.

    Args:
        whole_partitions: Partitions that are selected as a whole.
        range_texts: `PARTITION:FROM-UNTIL`; FROM or UNTIL may be left out, and the
            offset UNTIL is not selected.

    Raises:
        ConfigError: A text is not a range, a range is empty, or a partition occurs
            twice.
    """
    offset_ranges: dict[int, tuple[int, int | None]] = dict.fromkeys(
        whole_partitions, (0, None)
    )
    for text in range_texts:
        match = _OFFSET_RANGE.fullmatch(text)
        if not match:
            raise ConfigError(
                [f"--offsets {text}: is not PARTITION:FROM-UNTIL, such as 3:100-200"]
            )
        partition, first = int(match[1]), int(match[2] or 0)
        last = int(match[3]) if match[3] else None
        if last is not None and last <= first:
            raise ConfigError([f"--offsets {text}: UNTIL is not after FROM"])
        if partition in offset_ranges:
            raise ConfigError([f"partition {partition}: named twice; use two replays"])
        offset_ranges[partition] = (first, last)
    return offset_ranges


def parse_time_ms(text: str, *, option: str) -> int:
    """Parse a time option; a time without an offset from UTC is in UTC.

    Raises:
        ConfigError: The text is not a time.
    """
    time_ms = parse_iso_ms(text)
    if time_ms is None:
        raise ConfigError(
            [f"{option} {text}: is not an ISO 8601 time, such as 2026-11-01T00:00Z"]
        )
    return time_ms


class RecordFilter:
    """Filter for the records that a selection includes.

    Args:
        selection: The selection.

    Raises:
        ConfigError: The FQL of the selection is not valid.
    """

    def __init__(self, selection: ReplaySelection) -> None:
        self._selection = selection
        self._matches_trigger = (
            compile_trigger(selection.where) if selection.where else None
        )

    @property
    def matches_all(self) -> bool:
        """Return True if every record matches, so that no record has to be decoded."""
        selection = self._selection
        return not (selection.user or selection.audience or selection.where)

    def matches_event(self, event: CanonicalEvent) -> bool:
        """Return True if the selection includes an event."""
        selection = self._selection
        if selection.user and event.user != selection.user:
            return False
        if self._matches_trigger is not None and not self._matches_trigger(event.body):
            return False
        return not selection.audience or selection.audience in _audiences_in(event)

    def matches_activation(self, activation: Activation) -> bool:
        """Return True if the selection includes an activation."""
        selection = self._selection
        if selection.where:
            return False
        if selection.user and activation.user != selection.user:
            return False
        return not selection.audience or activation.audience == selection.audience


def _audiences_in(event: CanonicalEvent) -> frozenset[str]:
    try:
        return frozenset(
            audience_event.audience for audience_event in audience_events_in(event)
        )
    except PoisonRecord:
        return frozenset()


def count_remaining(
    bounds: Mapping[int, tuple[int, int]], positions: Mapping[int, int]
) -> int:
    """Count the offsets of a range that are still to be read.

    Args:
        bounds: Partition → first offset, and the offset after the last.
        positions: Partition → next offset to read.
    """
    return sum(
        last - positions.get(partition, first)
        for partition, (first, last) in bounds.items()
    )


def clip_bounds(
    bounds: Mapping[int, tuple[int, int]], committed: Mapping[int, int]
) -> dict[int, tuple[int, int]]:
    """Cut off the part of a range that the workers have not read yet.

    Args:
        bounds: Partition → first offset, and the offset after the last.
        committed: Partition → first offset not read; a partition that is absent here is
            not cut.
    """
    clipped = {
        partition: (first, min(last, committed.get(partition, last)))
        for partition, (first, last) in bounds.items()
    }
    return {
        partition: (first, last)
        for partition, (first, last) in clipped.items()
        if first < last
    }
