"""Progress of a replay, in the form of the replays topic."""

from enum import StrEnum

import msgspec

from streams.replay.selection import ReplaySelection, count_remaining


class ReplayStatus(StrEnum):
    """Status of a replay in the replays topic."""

    RUNNING = "running"
    PUBLISHED = "published"
    STOPPED = "stopped"


class ReplayState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Progress of a replay in the replays topic.

    Attributes:
        id: Id of the replay.
        selection: Records to publish again.
        bounds: Partition → first offset, and the offset after the last. Fixed at the
            start: a replay does not follow the records written since.
        positions: Partition → next offset to read.
        records_read: Number of records read.
        records_published: Number of records published again.
        unreadable: Number of records that cannot be decoded, which a filter skips.
        status: Status of the replay.
        started_ms: Start of the replay, milliseconds since the epoch.
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

    @property
    def total(self) -> int:
        """Number of offsets in the range."""
        return sum(last - first for first, last in self.bounds.values())

    @property
    def remaining(self) -> int:
        """Number of offsets that are still to be read."""
        return count_remaining(self.bounds, self.positions)


_decode = msgspec.json.Decoder(ReplayState).decode
encode_state = msgspec.json.encode


def decode_state(value: bytes) -> ReplayState:
    """Decode a row of the replays topic.

    Raises:
        msgspec.MsgspecError: The value is not a replay's state.
    """
    return _decode(value)


def estimate_remaining_s(state: ReplayState, *, per_s: float) -> float | None:
    """Estimate the remaining time of a replay; None while the rate is 0.

    Args:
        state: Progress of the replay.
        per_s: Offsets read per second.
    """
    return state.remaining / per_s if per_s > 0 else None
