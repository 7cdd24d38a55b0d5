"""Commands of the project, run as an operator runs them beside the workers."""

from collections.abc import Mapping

from tests.support.cli_server import run_cli

WITHIN_S = 240.0


def command(*args: str, environ: Mapping[str, str], code: int = 0) -> str:
    """Run one to its end; what it printed.

    Raises:
        AssertionError: It exits with another code.
    """
    done = run_cli(*args, env=environ, timeout_s=WITHIN_S)
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout
