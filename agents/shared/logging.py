"""Log setup: an event name with fields, as JSON lines on standard error.

Lines of libraries get the same form. A library that retries ten times a second logs ten
lines a second for each connection, so only the first few lines of each kind pass.
aiokafka's tracebacks are dropped: an error that matters is also raised to our code.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog
from structlog.typing import EventDict, Processor

_QUIET_LOGGERS = ("aiokafka", "mode", "faust", "aiohttp.access", "asyncio", "agents")
"""Loggers whose informational lines do not help an operator. mode uses the names of our
own modules to announce services that start and stop."""

MAX_LINES_PER_WINDOW: Final = 5
WINDOW_S: Final = 10.0


class RepeatedLineFilter(logging.Filter):
    """Filter that passes the first `MAX_LINES_PER_WINDOW` lines of a kind per window.

    A kind is a logger's message before its values are put in. The first line in a later
    window carries the number of lines dropped before: `suppressed`.

    Args:
        clock: Seconds; never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._window_ends_s = clock() + WINDOW_S
        self._line_counts = Counter[tuple[str, str]]()
        self._suppressed_counts = Counter[tuple[str, str]]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Report whether the line passes."""
        now_s = self._clock()
        if now_s >= self._window_ends_s:
            self._start_window(now_s)
        kind = record.name, str(record.msg)
        self._line_counts[kind] += 1
        if suppressed := self._suppressed_counts.pop(kind, 0):
            record.suppressed = suppressed
        return self._line_counts[kind] <= MAX_LINES_PER_WINDOW

    def _start_window(self, now_s: float) -> None:
        self._window_ends_s = now_s + WINDOW_S
        self._suppressed_counts = Counter(
            {
                kind: count - MAX_LINES_PER_WINDOW
                for kind, count in self._line_counts.items()
                if count > MAX_LINES_PER_WINDOW
            }
        )
        self._line_counts.clear()


def _shorten_traceback(_: object, __: str, event_dict: EventDict) -> EventDict:
    if event_dict["logger"].startswith("aiokafka") and event_dict.get("exc_info"):
        event_dict["error"] = repr(event_dict.pop("exc_info")[1])
    return event_dict


def configure_logging(level: str) -> None:
    """Set up logging for this process.

    Args:
        level: `debug`, `info`, `warning` or `error`.
    """
    level_number = logging.getLevelNamesMapping()[level.upper()]
    shared_processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    _configure_libraries(level_number, shared_processors, renderers)
    structlog.configure(
        processors=[*shared_processors, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level_number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _configure_libraries(
    level_number: int, shared_processors: list[Processor], renderers: list[Processor]
) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            *shared_processors,
            structlog.stdlib.add_logger_name,
            _shorten_traceback,
            structlog.stdlib.ExtraAdder(allow=["suppressed"]),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *renderers,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(RepeatedLineFilter())
    logging.basicConfig(level=level_number, handlers=[handler])
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level_number, logging.WARNING))
