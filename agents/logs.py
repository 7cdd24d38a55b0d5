"""How the worker writes its log: an event name and its fields, on standard error.

Lines of libraries are in the same form. A library that tries ten times a second says so
ten times a second, for each connection: few lines of each kind are let through.
aiokafka's tracebacks are left out: what it cannot go on from it also raises, here.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog
from structlog.typing import EventDict, Processor

_QUIET = ("aiokafka", "mode", "faust", "aiohttp.access", "asyncio", "agents")
"""Whose informational lines say nothing an operator can use; in the name of our own
modules mode tells which service starts and stops."""

FEW: Final = 5
WINDOW_S: Final = 10.0


class FewOfEach(logging.Filter):
    """Lets the first `FEW` lines of a kind through in each window.

    A kind is a logger's message before its values are put in. The first line of a later
    window says how many were kept back: `unprinted`.

    Args:
        clock: Seconds; never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._ends_s = clock() + WINDOW_S
        self._seen = Counter[tuple[str, str]]()
        self._kept = Counter[tuple[str, str]]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line is let through."""
        now_s = self._clock()
        if now_s >= self._ends_s:
            self._ends_s = now_s + WINDOW_S
            self._kept = Counter({k: n - FEW for k, n in self._seen.items() if n > FEW})
            self._seen.clear()
        kind = record.name, str(record.msg)
        self._seen[kind] += 1
        if unprinted := self._kept.pop(kind, 0):
            record.unprinted = unprinted
        return self._seen[kind] <= FEW


def _told_in_a_word(_: object, __: str, line: EventDict) -> EventDict:
    if line["logger"].startswith("aiokafka") and line.get("exc_info"):
        line["error"] = repr(line.pop("exc_info")[1])
    return line


def configure(level: str) -> None:
    """Set up logging for this process.

    Args:
        level: `debug`, `info`, `warning` or `error`.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    named: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    lines: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    _configure_libraries(number, named, lines)
    structlog.configure(
        processors=[*named, *lines],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _configure_libraries(
    number: int, named: list[Processor], lines: list[Processor]
) -> None:
    form = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            *named,
            structlog.stdlib.add_logger_name,
            _told_in_a_word,
            structlog.stdlib.ExtraAdder(allow=["unprinted"]),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *lines],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(form)
    handler.addFilter(FewOfEach())
    logging.basicConfig(level=number, handlers=[handler])
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
