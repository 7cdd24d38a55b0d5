"""Stages of the journey, as outcomes and dead letters name them."""

from enum import StrEnum
from typing import Final, Self

from streams.actions.activation import LaneId

_DELIVER: Final = "deliver"


class Stage(StrEnum):
    """Step of the journey: `intake`, `activate`, or `deliver.<lane>`.

    `Stage(text)` reads what `str` writes, and raises ValueError for anything else.
    """

    INTAKE = "intake"
    ACTIVATE = "activate"
    DELIVER_CONSENT = f"{_DELIVER}.{LaneId.CONSENT}"
    DELIVER_LISTS = f"{_DELIVER}.{LaneId.LISTS}"
    DELIVER_EVENTS = f"{_DELIVER}.{LaneId.EVENTS}"
    DELIVER_PROFILES = f"{_DELIVER}.{LaneId.PROFILES}"
    DELIVER_PRIVACY = f"{_DELIVER}.{LaneId.PRIVACY}"

    @classmethod
    def deliver(cls, lane: LaneId) -> Self:
        """Return the deliver stage of a lane."""
        return cls(f"{_DELIVER}.{lane}")

    @property
    def lane(self) -> LaneId | None:
        """Lane of a deliver stage; None for the other stages."""
        _, _, lane = self.partition(".")
        return LaneId(lane) if lane else None
