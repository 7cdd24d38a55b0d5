"""What a replay takes of a topic, as the operator says it."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from streams.actions.activation import Activation
from streams.audiences.reading import audience_moves
from streams.errors import ConfigError, PoisonRecord
from streams.events.model import CanonicalEvent, ReplayMode
from streams.triggers.trigger import compile_trigger

_SPAN: Final = re.compile(r"(\d+):(\d*)-(\d*)")
_MS_PER_S: Final = 1_000


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A range of one topic, and which records of it.

    Attributes:
        topic: The topic.
        spans: Partition → first offset, and the one after the last; None for the end
            that the topic has. Empty: every partition whole.
        since_ms: Records written from then on, milliseconds since the epoch.
        until_ms: Records written before.
        user: Of this user only.
        audience: About this audience only.
        where: FQL that an event must match.
        mode: What the replay is for.
    """

    topic: str
    spans: dict[int, tuple[int, int | None]] = {}
    since_ms: int | None = None
    until_ms: int | None = None
    user: str = ""
    audience: str = ""
    where: str = ""
    mode: ReplayMode = ReplayMode.CORRECT


def spans_of(
    partitions: Iterable[int], offsets: Iterable[str]
) -> dict[int, tuple[int, int | None]]:
    """Read `--partition` and `--offsets`.

    Args:
        partitions: Whole ones.
        offsets: `PARTITION:FROM-UNTIL`; either end may be left out, the end is not
            taken.

    Raises:
        ConfigError: One is no such thing, ends before it begins, or is of a partition
            that is named already.
    """
    spans: dict[int, tuple[int, int | None]] = dict.fromkeys(partitions, (0, None))
    for text in offsets:
        found = _SPAN.fullmatch(text)
        if not found:
            raise ConfigError(
                [f"--offsets {text}: is no PARTITION:FROM-UNTIL, such as 3:100-200"]
            )
        partition, first = int(found[1]), int(found[2] or 0)
        last = int(found[3]) if found[3] else None
        if last is not None and last <= first:
            raise ConfigError([f"--offsets {text}: ends before it begins"])
        if partition in spans:
            raise ConfigError(
                [f"partition {partition}: named twice; take its parts in two replays"]
            )
        spans[partition] = (first, last)
    return spans


def moment_ms(text: str, *, name: str) -> int:
    """Read a time; without an offset from UTC it is in UTC.

    Raises:
        ConfigError: It is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            [f"{name} {text}: is no ISO 8601 time, such as 2026-11-01T00:00Z"]
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp() * _MS_PER_S)


class Filter:
    """Says of each record whether a selection takes it.

    Args:
        selection: The selection.

    Raises:
        ConfigError: Its FQL is wrong.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._matches = compile_trigger(selection.where) if selection.where else None

    @property
    def takes_all(self) -> bool:
        """Whether no record has to be read for it."""
        chosen = self._selection
        return not (chosen.user or chosen.audience or chosen.where)

    def takes_event(self, event: CanonicalEvent) -> bool:
        """Whether an event is among them."""
        chosen = self._selection
        if chosen.user and event.user != chosen.user:
            return False
        if self._matches is not None and not self._matches(event.body):
            return False
        return not chosen.audience or chosen.audience in _audiences(event)

    def takes_activation(self, activation: Activation) -> bool:
        """Whether what a lane carries is among them; it has no event to match."""
        chosen = self._selection
        if chosen.where:
            return False
        if chosen.user and activation.user != chosen.user:
            return False
        return not chosen.audience or activation.audience == chosen.audience


def _audiences(event: CanonicalEvent) -> frozenset[str]:
    try:
        return frozenset(move.audience for move in audience_moves(event))
    except PoisonRecord:
        return frozenset()


def left_in(ends: Mapping[int, tuple[int, int]], position: Mapping[int, int]) -> int:
    """Say how many offsets of a range are still to be read.

    Args:
        ends: Partition → first offset and the one after the last.
        position: Partition → the next one to read.
    """
    return sum(last - position.get(p, first) for p, (first, last) in ends.items())


def up_to(
    ends: Mapping[int, tuple[int, int]], reached: Mapping[int, int]
) -> dict[int, tuple[int, int]]:
    """Cut a range where live reading has come to.

    Args:
        ends: Partition → first offset and the one after the last.
        reached: Partition → the first offset not read; a partition without one is left.
    """
    cut = {
        p: (first, min(last, reached.get(p, last))) for p, (first, last) in ends.items()
    }
    return {p: (first, last) for p, (first, last) in cut.items() if first < last}
