"""Lines of progress that a command reports."""

import time
from collections.abc import Callable

ReportLine = Callable[[str], None]
"""Receives a line of progress."""

PROGRESS_EVERY_S = 5.0
"""Time between two lines of progress."""


def throttle(report: ReportLine) -> ReportLine:
    """Return a function that reports a line at most every `PROGRESS_EVERY_S`."""
    last_report_s = time.monotonic()

    def report_throttled(line: str) -> None:
        nonlocal last_report_s
        if time.monotonic() - last_report_s >= PROGRESS_EVERY_S:
            last_report_s = time.monotonic()
            report(line)

    return report_throttled
