"""Problems of a mapping, and reasons for not mapping an event."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingProblem:
    """Problem of a mapping, in Segment's words.

    Args:
        at: Path of the wrong value from the mapping's root: `/o/@if/then`.
        wording: Text of Segment's mapping kit, familiar to its users.
    """

    at: str
    wording: str

    @property
    def line(self) -> str:
        """Return the wording, always with the whole path."""
        has_path = self.wording.startswith(f"{self.at} ")
        return self.wording if has_path else f"{self.at}: {self.wording}"


class MappingError(ConfigError):
    """Mapping that cannot be compiled, with every problem and every path.

    Args:
        problems: Problems, in the order of the mapping.
    """

    def __init__(self, problems: Sequence[MappingProblem]) -> None:
        super().__init__([problem.line for problem in problems])
        self.mapping_problems = tuple(problems)

    @property
    def wording(self) -> str:
        """Return all problems in a single line, in Segment's words."""
        return "; ".join(problem.wording for problem in self.mapping_problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmappable:
    """Result for an event that a valid mapping cannot map.

    Args:
        reason: Explanation, without any value of the event.
    """

    reason: str


class Unresolved(Exception):
    """Internal exception that carries a reason to `Mapping.__call__`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
