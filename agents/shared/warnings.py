"""Warnings about the columns of sources: each text is logged once in a process."""

from typing import Final

import structlog

MAX_WARNINGS: Final = 1_000
"""Ours: names of columns come with the records, and must not fill the memory."""

log = structlog.get_logger(__name__)


class WarningLog:
    """Log of warnings that come again with each record."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def __call__(self, text: str) -> None:
        """Log a warning, unless the same text was logged before."""
        if text in self._logged or len(self._logged) >= MAX_WARNINGS:
            return
        self._logged.add(text)
        log.warning("source_column", problem=text)
