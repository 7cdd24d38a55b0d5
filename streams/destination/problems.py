"""Problems in a file, collected with paths while values are read."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from streams.errors import describe_unknown_name
from streams.mapping.values import Json

SECONDS_MAX: Final = 315_360_000
"""Ours: ten years; a longer wait is a typing error."""

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ConfigProblems:
    """Problems so far, a line each: `path: problem`.

    Attributes:
        lines: Problems; a file with any is refused.
        warnings: Warnings about parts that are valid, and may not be what is meant.
    """

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, at: str, message: str) -> None:
        """Add a problem at a path."""
        self.lines.append(f"{at}: {message}")

    def warn(self, at: str, message: str) -> None:
        """Add a warning at a path."""
        self.warnings.append(f"{at}: {message}")

    def object_at(self, value: Json, *, at: str) -> dict[str, Json]:
        """Return an object; empty if the value is absent or not an object."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return {str(name): member for name, member in value.items()}
        self.add(at, "is not an object")
        return {}

    def text_at(self, value: Json, *, at: str, default: str = "") -> str:
        """Return text; the default if the value is absent or not text."""
        if value is None:
            return default
        if isinstance(value, str) and value:
            return value
        self.add(at, "is not text, or is empty")
        return default

    def texts_at(self, value: Json, *, at: str) -> tuple[str, ...]:
        """Return a list of texts; empty if the value is absent or anything else."""
        if value is None:
            return ()
        if not isinstance(value, list):
            self.add(at, "is not a list")
            return ()
        return tuple(
            self.text_at(text, at=f"{at}[{index}]") for index, text in enumerate(value)
        )

    def boolean_at(self, value: Json, *, at: str, default: bool) -> bool:
        """Return a boolean; the default if the value is absent or not a boolean."""
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.add(at, "is neither true nor false")
        return default

    def seconds_at(self, value: Json, *, at: str, maximum: int = SECONDS_MAX) -> float:
        """Return seconds; 0 if the value is absent or not a valid number of seconds."""
        if value is None:
            return 0.0
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 < value <= maximum:
            return float(value)
        self.add(at, f"is not a number of seconds above 0, at most {maximum}")
        return 0.0

    def choice_at(self, value: Json, *, at: str, default: ChoiceT) -> ChoiceT:
        """Return a member of an enum; the default if the value is absent or invalid."""
        if value is None:
            return default
        choices = [str(choice) for choice in type(default)]
        if value in choices:
            return type(default)(value)
        self.add(at, f"is not one of {', '.join(choices)}")
        return default

    def add_unknown_names(
        self, names: Iterable[str], allowed: Collection[str], *, at: str, what: str
    ) -> None:
        """Add a problem for each unknown name, with the nearest allowed name."""
        for name in names:
            if name not in allowed:
                problem = describe_unknown_name(name, allowed, what=what)
                self.add(f"{at}{name}", problem)
