"""How dead letters get back: one record for each, or for each source record."""

from collections.abc import Iterable
from typing import Final

import msgspec

from streams.delivery.deadletter import DELIVER
from streams.delivery.letters import StoredLetter, Way
from streams.events.model import ReplayMode
from streams.events.origin import Origin

MODE: Final = {
    Way.EVENT: ReplayMode.CORRECT,
    Way.ACTIVATION: ReplayMode.AGAIN,
    Way.SOURCE: ReplayMode.AGAIN,
}
"""An activation was the last word when it failed, and has to be told once more; an
event that never got so far is new."""


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """One record to be sent.

    Attributes:
        way: Where it goes.
        origin: The source record behind it.
        source_ms: When that was written, milliseconds since the epoch; 0 where nobody
            can tell.
        letters: The dead letters it answers for; of the first it has its value, unless
            that comes from the source.
    """

    way: Way
    origin: Origin
    source_ms: int
    letters: tuple[StoredLetter, ...]

    @property
    def failed_lanes(self) -> frozenset[str]:
        """Lanes on which it failed."""
        return frozenset(
            letter.stage.removeprefix(DELIVER)
            for letter in self.letters
            if letter.stage.startswith(DELIVER)
        )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent, and what cannot be.

    Attributes:
        sendings: In the order of the dead letters.
        lost: Dead letters that nobody knows the origin of.
    """

    sendings: tuple[Sending, ...]
    lost: tuple[StoredLetter, ...]


def plan(letters: Iterable[StoredLetter], *, from_source: bool) -> Plan:
    """Say how each gets back.

    Args:
        letters: Dead letters.
        from_source: Whether all are made anew from their source records.
    """
    sendings: dict[object, Sending] = {}
    lost: list[StoredLetter] = []
    for one in letters:
        if one.letter is None:
            lost.append(one)
            continue
        way = Way.SOURCE if from_source else one.way
        alone = way is Way.ACTIVATION
        name = one.place if alone else (way, one.letter.origin)
        known = sendings.get(name)
        sendings[name] = Sending(
            way=way,
            origin=one.letter.origin,
            source_ms=one.letter.source_ms,
            letters=(*known.letters, one) if known else (one,),
        )
    return Plan(sendings=tuple(sendings.values()), lost=tuple(lost))
