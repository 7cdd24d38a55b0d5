"""Findings of the checks, and the exit code that they make."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Result of a check; a skipped check depends on another that failed."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    FAILURE = "failure"


_EXIT_CODES: Final = {Status.WARNING: 1, Status.FAILURE: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of a check.

    Attributes:
        check: Name of the check: area, a dot, and the subject.
        status: Result.
        detail: Description of what was found, in a line.
        fix: What to do, in a line; empty if there is nothing to do.
    """

    check: str
    status: Status
    detail: str
    fix: str = ""


def passed(check: str, detail: str) -> Finding:
    """Return the finding of a check that found no fault."""
    return Finding(check, Status.OK, detail)


def warned(check: str, detail: str, *, fix: str) -> Finding:
    """Return the finding of a fault that stops no work yet."""
    return Finding(check, Status.WARNING, detail, fix)


def failed(check: str, detail: str, *, fix: str) -> Finding:
    """Return the finding of a fault that stops work."""
    return Finding(check, Status.FAILURE, detail, fix)


def skipped(check: str, *, because: str) -> Finding:
    """Return the finding of a check that another check's failure prevents."""
    return Finding(check, Status.SKIPPED, f"not checked: {because}")


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 2 after a failure, 1 after a warning, else 0."""
    return max((_EXIT_CODES.get(finding.status, 0) for finding in findings), default=0)
