"""How far a replay is: a row of the replays topic."""

from enum import StrEnum

import msgspec

from streams.replay.selection import ReplaySelection, count_remaining


class ReplayStatus(StrEnum):
    """Where a replay stands."""

    RUNNING = "running"
    PUBLISHED = "fed"
    STOPPED = "stopped"


class ReplayState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One replay.

    Attributes:
        id: Its name.
        selection: What it takes.
        bounds: Partition → first offset and the one after the last, as they were when it
            began: it does not run after what is written since.
        positions: Partition → the next offset to read.
        records_read: Records read.
        records_published: Records taken in again.
        unreadable: Records nobody can read, which a filter passes over.
        status: Where it stands.
        started_ms: When it began, milliseconds since the epoch.
        updated_ms: When this was written.
    """

    id: str
    selection: ReplaySelection
    bounds: dict[int, tuple[int, int]]
    positions: dict[int, int]
    records_read: int = 0
    records_published: int = 0
    unreadable: int = 0
    status: ReplayStatus = ReplayStatus.RUNNING
    started_ms: int = 0
    updated_ms: int = 0

    @property
    def total(self) -> int:
        """Offsets in its range."""
        return sum(last - first for first, last in self.bounds.values())

    @property
    def remaining(self) -> int:
        """Offsets of its range still to be read."""
        return count_remaining(self.bounds, self.positions)


_decode = msgspec.json.Decoder(ReplayState).decode
encode_state = msgspec.json.encode


def decode_state(value: bytes) -> ReplayState:
    """Read a row.

    Raises:
        msgspec.MsgspecError: It is something else.
    """
    return _decode(value)


def estimate_remaining_s(state: ReplayState, *, per_s: float) -> float | None:
    """Say how long the rest takes at a rate of records read; None while there is none.

    Args:
        state: How far it is.
        per_s: Offsets passed in a second, of late.
    """
    return state.remaining / per_s if per_s > 0 else None
