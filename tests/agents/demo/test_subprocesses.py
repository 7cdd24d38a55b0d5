"""A demo's processes: waited for, watched, ended."""

import os
import re
import urllib.request
from pathlib import Path

import pytest

from agents.demo.subprocesses import CommandProcess, DemoError

URL = re.compile(r"http://127\.0\.0\.1:[0-9]+")


def test_a_child_is_there_when_it_has_said_so_and_gone_after_its_block(
    tmp_path: Path,
) -> None:
    """The sandbox answers inside the block and does not after it."""
    arguments = ("sandbox", "--port", "0")
    with CommandProcess(*arguments, env=os.environ, log=tmp_path / "log") as child:
        url = child.wait_for_output(URL) + "/sandbox/state"
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 # our own server
            status = answer.status

    assert status == 200
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)  # noqa: S310 # our own server
    with pytest.raises(DemoError, match="sandbox has ended with exit code 0"):
        child.check()


def test_a_child_that_ends_before_it_is_up_is_noticed(tmp_path: Path) -> None:
    """A process that exits early fails at once, with its output in the log."""
    log = tmp_path / "log"
    arguments = ("sandbox", "--port", "none")

    with (
        CommandProcess(*arguments, env=os.environ, log=log) as child,
        pytest.raises(DemoError, match="sandbox has ended with exit code 2"),
    ):
        child.wait_for_output(URL)

    assert "'none' is not a valid integer" in log.read_text()
