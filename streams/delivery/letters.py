"""Dead letters as they lie on their topic: which are meant, how many, and their way."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, Self

import msgspec

from streams.actions.activation import decode_activation
from streams.delivery.deadletter import DELIVER, TRUNCATED, DeadLetter, read
from streams.errors import PoisonRecord

UNREADABLE = "unreadable"
"""Code of a record on the topic that is no dead letter of ours."""


class Place(NamedTuple):
    """Where a dead letter lies on the topic of dead letters."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote.

        Raises:
            ValueError: Not `partition/offset`.
        """
        partition, _, offset = text.partition("/")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise ValueError(f"{text!r} is not PARTITION/OFFSET, like 3/17")
        return cls(int(partition), int(offset))


class Way(StrEnum):
    """How a dead letter gets back into the journey."""

    EVENT = "event"
    """Its value is the source record's: intake takes it in again."""

    ACTIVATION = "activation"
    """Its value is a lane's: activate judges whether it is still the last word."""

    SOURCE = "source"
    """Its own value will not do: the source record is taken in again."""

    NONE = "none"
    """Nobody knows where it came from."""


class StoredLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the topic.

    Attributes:
        place: Where it lies.
        at_ms: Its Kafka timestamp, milliseconds since the epoch.
        letter: What it says; None for a record of somebody else's.
        way: How it gets back.
        headers: As they are.
        key: As it is.
        value: As it is.
    """

    place: Place
    at_ms: int
    letter: DeadLetter | None
    way: Way
    headers: tuple[tuple[str, bytes | None], ...] = ()
    key: bytes | None = None
    value: bytes | None = None

    @property
    def stage(self) -> str:
        """Where it failed; empty where nobody can tell."""
        return self.letter.stage if self.letter else ""

    @property
    def code(self) -> str:
        """Stable name of its fault."""
        return self.letter.code if self.letter else UNREADABLE

    def without_value(self) -> "StoredLetter":
        """The same for those who only look: a whole topic of them fits in memory."""
        letter = self.letter and msgspec.structs.replace(self.letter, value=None)
        return msgspec.structs.replace(self, letter=letter, headers=(), value=None)


def stored(
    place: Place,
    *,
    at_ms: int,
    headers: Iterable[tuple[str, bytes | None]],
    key: bytes | None,
    value: bytes | None,
) -> StoredLetter:
    """Read a record of the topic, whoever wrote it."""
    headers = tuple(headers)
    letter = read(headers, key=key, value=value)
    is_cut = any(name == TRUNCATED for name, _ in headers)
    way = Way.SOURCE if is_cut and letter else _way(letter)
    return StoredLetter(
        place=place,
        at_ms=at_ms,
        letter=letter,
        way=way,
        headers=headers,
        key=key,
        value=value,
    )


def _way(letter: DeadLetter | None) -> Way:
    if letter is None:
        return Way.NONE
    if letter.stage.startswith(DELIVER):
        return Way.ACTIVATION
    if letter.stage == "activate" and _is_activation(letter.value):
        return Way.ACTIVATION  # one that had come back already
    return Way.EVENT


def _is_activation(value: bytes | None) -> bool:
    try:
        decode_activation(value)
    except PoisonRecord:
        return False
    return True


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters are meant: those that meet all that is given.

    Attributes:
        reason: Code of the fault.
        stage: Where it failed; `deliver` means every lane.
        since_ms: Not older than this, milliseconds since the epoch.
        until_ms: Older than this.
        places: One of these.
    """

    reason: str = ""
    stage: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    places: frozenset[Place] = frozenset()

    @property
    def are_none(self) -> bool:
        """Whether every dead letter meets them."""
        return self == Filters()

    def take(self, letter: StoredLetter) -> bool:
        """Whether a dead letter meets them."""
        return (
            self.reason in ("", letter.code)
            and self.stage in ("", letter.stage, letter.stage.partition(".")[0])
            and (self.since_ms is None or letter.at_ms >= self.since_ms)
            and (self.until_ms is None or letter.at_ms < self.until_ms)
            and (not self.places or letter.place in self.places)
        )


class LetterGroup(NamedTuple):
    """Dead letters of one stage and one fault.

    Attributes:
        stage: Where they failed; empty where nobody can tell.
        code: Name of the fault.
        many: How many.
        first_ms: When the first came, milliseconds since the epoch.
        last_ms: When the last did.
        example: Where the last one lies.
    """

    stage: str
    code: str
    many: int
    first_ms: int
    last_ms: int
    example: Place


def grouped(letters: Iterable[StoredLetter]) -> list[LetterGroup]:
    """Count them by stage and fault, in the order of their names."""
    groups: dict[tuple[str, str], LetterGroup] = {}
    for one in letters:
        name = (one.stage, one.code)
        new = LetterGroup(*name, 1, one.at_ms, one.at_ms, one.place)
        known = groups.get(name)
        groups[name] = new if known is None else _joined(known, new)
    return [groups[name] for name in sorted(groups)]


def _joined(known: LetterGroup, new: LetterGroup) -> LetterGroup:
    last = max(known, new, key=lambda group: (group.last_ms, group.example))
    return last._replace(
        many=known.many + new.many, first_ms=min(known.first_ms, new.first_ms)
    )
