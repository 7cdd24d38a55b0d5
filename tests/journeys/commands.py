"""Commands of the project, run as an operator runs them beside the workers."""

import subprocess
import sys
from collections.abc import Mapping

from tests.journeys.klaviyo import ROOT

WITHIN_S = 240.0


def command(*args: str, environ: Mapping[str, str], code: int = 0) -> str:
    """Run one to its end; what it printed.

    Raises:
        AssertionError: It exits with another code.
    """
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, "-m", "agents.cli", *args],
        cwd=ROOT,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout
