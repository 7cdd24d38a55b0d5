"""The walk in `streams/README.md` is the one that the code takes."""

import re

from tests.structure.source import ROOT
from tests.structure.walk import walk

README = ROOT / "streams" / "README.md"
STEP = re.compile(r"^\d+\. `([\w/]+\.py)`: ", re.MULTILINE)
COUNT = re.compile(r"^Count: (\d+) files, (\d+) functions\.$", re.MULTILINE)


def test_the_written_walk_is_the_walk_of_the_code() -> None:
    """Each file stands in the text, in the order in which the event reaches it."""
    _, _, text = README.read_text().partition("\n## A walk\n")
    section, _, _ = text.partition("\n## ")
    files = walk()

    assert STEP.findall(section) == list(files)
    assert COUNT.findall(section) == [
        (str(len(files)), str(sum(map(len, files.values()))))
    ]
