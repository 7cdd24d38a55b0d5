"""What is wrong with a mapping, and what one event could not be mapped for."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake of a mapping.

    Args:
        at: Path of the faulty value from the mapping's root: `/o/@if/then`.
        wording: What Segment's mapping kit says of it, so that its users know it.
    """

    at: str
    wording: str

    @property
    def line(self) -> str:
        """The wording, always with the whole path."""
        said = self.wording.startswith(f"{self.at} ")
        return self.wording if said else f"{self.at}: {self.wording}"


class MappingError(ConfigError):
    """A mapping that can't be compiled; every mistake, each with its path.

    Args:
        found: The mistakes, in the mapping's order.
    """

    def __init__(self, found: Sequence[Mistake]) -> None:
        super().__init__([mistake.line for mistake in found])
        self.found = tuple(found)

    @property
    def wording(self) -> str:
        """All mistakes in one line, in Segment's words."""
        return "; ".join(mistake.wording for mistake in self.found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmappable:
    """The answer for an event that a sound mapping can't map.

    Args:
        reason: Why, without any value of the event.
    """

    reason: str


class Unresolved(Exception):
    """Carries a reason from deep inside a mapping to its door; never leaves it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
