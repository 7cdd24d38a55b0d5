"""Faults of the machine that the checks name, each with its fix."""

from typing import Any

import pytest

from streams.doctor.findings import Finding, Status, exit_code
from streams.doctor.machine import MachineFacts, check_machine


def _machine(**facts: Any) -> list[Finding]:  # noqa: ANN401
    values = {"memory_bytes": 10**10, "disk_bytes": 10**10, "clock_s": 0.4}
    return [*check_machine(MachineFacts(**values | facts))]


@pytest.mark.parametrize(
    ("findings", "check", "status", "fix"),
    [
        pytest.param(
            _machine(python=(3, 10)),
            "machine.python",
            Status.FAILURE,
            "install Python 3.11 or newer",
            id="old-python",
        ),
        pytest.param(
            _machine(clock_s=60.0),
            "machine.clock",
            Status.WARNING,
            "synchronise this machine's clock by NTP",
            id="clock-ahead",
        ),
        pytest.param(
            _machine(clock_s=-60.0),
            "machine.clock",
            Status.WARNING,
            "synchronise this machine's clock by NTP",
            id="clock-behind",
        ),
        pytest.param(
            _machine(file_handles=256),
            "machine.files",
            Status.WARNING,
            "raise `ulimit -n` (systemd: LimitNOFILE) to 1024 or more",
            id="few-files",
        ),
        pytest.param(
            _machine(memory_bytes=1000),
            "machine.memory",
            Status.WARNING,
            "give the machine more memory, or run fewer workers on it",
            id="little-memory",
        ),
        pytest.param(
            _machine(data_error="x"),
            "machine.data_dir",
            Status.FAILURE,
            "let this user write to data_dir, or set data_dir to another directory",
            id="data-not-writable",
        ),
        pytest.param(
            _machine(disk_bytes=1000),
            "machine.disk",
            Status.WARNING,
            "free disk space, or set data_dir to another disk",
            id="disk-full",
        ),
    ],
)
def test_a_fault_is_named_with_its_fix(
    findings: list[Finding], check: str, status: Status, fix: str
) -> None:
    """The check of the fault has a fix, and the exit code follows."""
    assert (check, status, fix) in [(f.check, f.status, f.fix) for f in findings]
    assert exit_code(findings) >= (2 if status is Status.FAILURE else 1)


@pytest.mark.parametrize("facts", [{}, {"stores_table": False}])
def test_a_machine_without_a_fault_needs_no_fix(facts: dict[str, Any]) -> None:
    """All checks pass; memory and disk count only for a table that is stored."""
    assert [one.fix for one in _machine(**facts) if one.fix] == []


def test_a_clock_is_compared_only_with_an_answer() -> None:
    """Klaviyo's answers have the date."""
    [clock] = [one for one in _machine(clock_s=None) if one.check == "machine.clock"]

    assert clock.status is Status.SKIPPED
