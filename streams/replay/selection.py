"""What a replay takes of a topic, as the operator says it."""

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
    """A range of one topic, and which records of it.

    Attributes:
        topic: The topic.
        offset_ranges: Partition → first offset, and the one after the last; None for the end
            that the topic has. Empty: every partition whole.
        since_ms: Records written from then on, milliseconds since the epoch.
        until_ms: Records written before.
        user: Of this user only.
        audience: About this audience only.
        where: FQL that an event must match.
        mode: What the replay is for.
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
    """Read `--partition` and `--offsets`.

    Args:
        whole_partitions: Whole ones.
        range_texts: `PARTITION:FROM-UNTIL`; either end may be left out, the end is not
            taken.

    Raises:
        ConfigError: One is no such thing, ends before it begins, or is of a partition
            that is named already.
    """
    offset_ranges: dict[int, tuple[int, int | None]] = dict.fromkeys(
        whole_partitions, (0, None)
    )
    for text in range_texts:
        match = _OFFSET_RANGE.fullmatch(text)
        if not match:
            raise ConfigError(
                [f"--offsets {text}: is no PARTITION:FROM-UNTIL, such as 3:100-200"]
            )
        partition, first = int(match[1]), int(match[2] or 0)
        last = int(match[3]) if match[3] else None
        if last is not None and last <= first:
            raise ConfigError([f"--offsets {text}: ends before it begins"])
        if partition in offset_ranges:
            raise ConfigError(
                [f"partition {partition}: named twice; take its parts in two replays"]
            )
        offset_ranges[partition] = (first, last)
    return offset_ranges


def parse_time_ms(text: str, *, option: str) -> int:
    """Read a time; without an offset from UTC it is in UTC.

    Raises:
        ConfigError: It is none.
    """
    time_ms = parse_iso_ms(text)
    if time_ms is None:
        raise ConfigError(
            [f"{option} {text}: is not an ISO 8601 time, such as 2026-11-01T00:00Z"]
        )
    return time_ms


class RecordFilter:
    """Says of each record whether a selection takes it.

    Args:
        selection: The selection.

    Raises:
        ConfigError: Its FQL is wrong.
    """

    def __init__(self, selection: ReplaySelection) -> None:
        self._selection = selection
        self._matches_trigger = (
            compile_trigger(selection.where) if selection.where else None
        )

    @property
    def matches_all(self) -> bool:
        """Whether no record has to be read for it."""
        selection = self._selection
        return not (selection.user or selection.audience or selection.where)

    def matches_event(self, event: CanonicalEvent) -> bool:
        """Whether an event is among them."""
        selection = self._selection
        if selection.user and event.user != selection.user:
            return False
        if self._matches_trigger is not None and not self._matches_trigger(event.body):
            return False
        return not selection.audience or selection.audience in _audiences_in(event)

    def matches_activation(self, activation: Activation) -> bool:
        """Whether what a lane carries is among them; it has no event to match."""
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
    """Say how many offsets of a range are still to be read.

    Args:
        bounds: Partition → first offset and the one after the last.
        positions: Partition → the next one to read.
    """
    return sum(
        last - positions.get(partition, first)
        for partition, (first, last) in bounds.items()
    )


def clip_bounds(
    bounds: Mapping[int, tuple[int, int]], committed: Mapping[int, int]
) -> dict[int, tuple[int, int]]:
    """Cut a range where live reading has come to.

    Args:
        bounds: Partition → first offset and the one after the last.
        committed: Partition → the first offset not read; a partition without one is left.
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
