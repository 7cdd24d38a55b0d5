"""The one exception tree.

StreamsError
├── ConfigError          before the first record; the operator mends it; stop
├── PoisonRecord         never readable; becomes a dead letter, stops nothing
└── EngineError          the worker cannot go on safely; exit, commit nothing

What Klaviyo answers is not in this tree: past the first door failure is a value
(`streams.delivery.verdict.ItemVerdict`).
"""

from collections.abc import Sequence


class StreamsError(Exception):
    """Every error this project raises on purpose."""


class ConfigError(StreamsError):
    """The settings are wrong; each mistake is named with its path.

    Args:
        problems: One line a mistake, `path: what is wrong; what would be right`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PoisonRecord(StreamsError):
    """A record nobody can ever read.

    Args:
        code: Stable name of the fault, kebab-case: groups dead letters.
        reason: What is wrong and where, without any value of the record.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class EngineError(StreamsError):
    """The worker cannot go on without risking a loss: it must end and restart."""
