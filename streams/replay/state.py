"""How far a replay is: a row of the replays topic."""

from enum import StrEnum

import msgspec

from streams.replay.selection import Selection, left_in


class Status(StrEnum):
    """Where a replay stands."""

    RUNNING = "running"
    FED = "fed"
    STOPPED = "stopped"


class ReplayState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One replay.

    Attributes:
        id: Its name.
        selection: What it takes.
        ends: Partition → first offset and the one after the last, as they were when it
            began: it does not run after what is written since.
        position: Partition → the next offset to read.
        read: Records read.
        fed: Records taken in again.
        unreadable: Records nobody can read, which a filter passes over.
        status: Where it stands.
        began_ms: When it began, milliseconds since the epoch.
        told_ms: When this was written.
    """

    id: str
    selection: Selection
    ends: dict[int, tuple[int, int]]
    position: dict[int, int]
    read: int = 0
    fed: int = 0
    unreadable: int = 0
    status: Status = Status.RUNNING
    began_ms: int = 0
    told_ms: int = 0

    @property
    def total(self) -> int:
        """Offsets in its range."""
        return sum(last - first for first, last in self.ends.values())

    @property
    def left(self) -> int:
        """Offsets of its range still to be read."""
        return left_in(self.ends, self.position)


_decode = msgspec.json.Decoder(ReplayState).decode
encode_state = msgspec.json.encode


def decode_state(value: bytes) -> ReplayState:
    """Read a row.

    Raises:
        msgspec.MsgspecError: It is something else.
    """
    return _decode(value)


def remaining_s(state: ReplayState, *, per_s: float) -> float | None:
    """Say how long the rest takes at a rate of records read; None while there is none.

    Args:
        state: How far it is.
        per_s: Offsets passed in a second, of late.
    """
    return state.left / per_s if per_s > 0 else None
