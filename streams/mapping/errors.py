"""What is wrong with a mapping, and what one event could not be mapped for."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingProblem:
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
        has_path = self.wording.startswith(f"{self.at} ")
        return self.wording if has_path else f"{self.at}: {self.wording}"


class MappingError(ConfigError):
    """A mapping that can't be compiled; every mistake, each with its path.

    Args:
        mapping_problems: The mistakes, in the mapping's order.
    """

    def __init__(self, problems: Sequence[MappingProblem]) -> None:
        super().__init__([problem.line for problem in problems])
        self.mapping_problems = tuple(problems)

    @property
    def wording(self) -> str:
        """All mistakes in one line, in Segment's words."""
        return "; ".join(problem.wording for problem in self.mapping_problems)


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
