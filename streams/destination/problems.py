"""Mistakes in a file, gathered with their paths, and readings that note them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, TypeVar

Json = Any

SECONDS_MAX: Final = 315_360_000
"""Ours: ten years; a longer wait is a slip of the pen."""
ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ConfigProblems:
    """What is wrong so far, one line each: `path: what is wrong`."""

    lines: list[str] = field(default_factory=list)

    def add(self, at: str, message: str) -> None:
        """Note a mistake."""
        self.lines.append(f"{at}: {message}")

    def object_at(self, value: Json, *, at: str) -> dict[str, Json]:
        """Give an object; empty where it is none or absent."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return {str(name): member for name, member in value.items()}
        self.add(at, "is no object")
        return {}

    def text_at(self, value: Json, *, at: str, default: str = "") -> str:
        """Give text; the default where it is none or absent."""
        if value is None:
            return default
        if isinstance(value, str) and value:
            return value
        self.add(at, "is no text")
        return default

    def boolean_at(self, value: Json, *, at: str, default: bool) -> bool:
        """Give a boolean; the default where it is none or absent."""
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.add(at, "is neither true nor false")
        return default

    def seconds_at(self, value: Json, *, at: str) -> float:
        """Give seconds; 0 where they are none or absent."""
        if value is None:
            return 0.0
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 < value <= SECONDS_MAX:
            return float(value)
        self.add(at, "is no number of seconds above 0")
        return 0.0

    def choice_at(self, value: Json, *, at: str, default: ChoiceT) -> ChoiceT:
        """Give one of a few words; the default where it is none or absent."""
        if value is None:
            return default
        choices = [str(choice) for choice in type(default)]
        if value in choices:
            return type(default)(value)
        self.add(at, f"is none of {', '.join(choices)}")
        return default

    def add_unknown_names(
        self, names: Iterable[str], allowed: Collection[str], *, at: str, what: str
    ) -> None:
        """Note each name that is not known, with the nearest that is."""
        for name in names:
            if name not in allowed:
                nearest = get_close_matches(name, sorted(allowed), n=1)
                hint = f"; did you mean {nearest[0]}?" if nearest else ""
                self.add(f"{at}{name}", f"no {what} is called so{hint}")
