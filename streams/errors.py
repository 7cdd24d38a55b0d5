"""Exception tree of this project.

StreamsError
├── ConfigError          before the first record; the operator must correct the file
├── PoisonRecord         never readable; becomes a dead letter, stops no worker
└── EngineError          the worker cannot continue safely; exit, commit nothing

Failed deliveries to Klaviyo are not in this tree: after intake, a failure is a value
(`streams.delivery.verdict.ItemVerdict`).
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class StreamsError(Exception):
    """Base class of all errors that this project raises on purpose."""


class ConfigError(StreamsError):
    """Invalid configuration, with the path of each problem.

    Args:
        problems: One line per problem, `path: what is wrong; how to fix it`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def describe_unknown_name(name: str, allowed: Iterable[str], *, what: str) -> str:
    """Describe the problem of an unknown name, with the nearest allowed name."""
    nearest = get_close_matches(name, sorted(allowed), n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"is not a known {what}{hint}"


class PoisonRecord(StreamsError):
    """Record that can never be read.

    Args:
        code: Stable kebab-case code of the fault, which groups dead letters.
        reason: Fault and location, without any value of the record.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class EngineError(StreamsError):
    """Fault after which the worker could lose records: exit and restart."""
