"""Programs that judge the files of `deploy/`, and where to get them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.source import ROOT

DEPLOY = ROOT / "deploy"

HOW_TO_GET = {
    "promtool": "apt-get install prometheus (Debian, Ubuntu)",
    "systemd-analyze": "apt-get install systemd (Debian, Ubuntu)",
    "docker-compose": "make setup",
    "hadolint": "make setup",
}
"""Instruction for each program that may be missing."""


def program(name: str) -> str:
    """Return the path of a program, that of the test's environment first.

    Without the program the test is skipped, with an instruction how to get it.
    """
    own = Path(sys.executable).with_name(name)
    path = str(own) if own.exists() else shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name}: {HOW_TO_GET[name]}")
    return path


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Return all that a program prints; it must end with 0.

    Args:
        command: Name of the program, and its arguments.
        cwd: Working directory.
    """
    name, *arguments = map(str, command)
    result = subprocess.run(  # noqa: S603 - no shell
        [program(name), *arguments],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


METRIC = re.compile(r"\b((?:klaviyo_streams|process)_[a-z0-9_]+)")


def metrics_in(expression: str) -> set[str]:
    """Return the names of the workers' metrics in a PromQL expression.

    Parts of histograms count as the histogram.
    """
    names = set(METRIC.findall(expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
