"""The walk in `streams/README.md` is the one that the code takes."""

import re
import subprocess
import sys

from tests.structure.source import ROOT

README = ROOT / "streams" / "README.md"
STEP = re.compile(r"^\d+\. `([\w/]+\.py)`: ", re.MULTILINE)
COUNT = re.compile(r"^Count: (\d+) files, (\d+) functions\.$", re.MULTILINE)


def walk() -> tuple[list[str], tuple[str, str]]:
    """Return the files of the walk and its counts, from an interpreter of its own.

    Functions whose results are cached would be missing in one that has run other tests.
    """
    printed = subprocess.run(
        [sys.executable, "-m", "tests.structure.walk"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=240,
    )
    *steps, counts = printed.stdout.splitlines()
    files, functions = re.findall(r"\d+", counts)
    return [step.partition(":")[0] for step in steps], (files, functions)


def test_the_written_walk_is_the_walk_of_the_code() -> None:
    """Each file stands in the text, in the order in which the event reaches it."""
    _, _, text = README.read_text().partition("\n## A walk\n")
    section, _, _ = text.partition("\n## ")
    files, counts = walk()

    assert STEP.findall(section) == files
    assert COUNT.findall(section) == [counts]
