"""References in texts resolve: files, functions, tests and headings that exist."""

import re
from functools import cache
from pathlib import Path

from tests.structure.source import ROOT, modules

TEXTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)

OWN_PAPERS = frozenset(path.name for path in TEXTS)

FILE = re.compile(
    r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|yaml|yml|xml|jsonl|lock|sh))(?::([\w.]+))?`"
)
"""A file in backticks, with a name in it after a colon."""

LINK = re.compile(r"\]\((?!https?://)([^)#]+)?(?:#([\w-]+))?\)")

NUMBERED = re.compile(r"\binvariants? \d|\btraps? [A-Z]?\d", re.IGNORECASE)
"""Numbers of papers that are not here."""

PAPER = re.compile(r"\b[A-Z]{3,}\.md\b")

EXAMPLE_FILES = frozenset(
    ("destination.yaml", "settings.yaml", "events.jsonl", "all.jsonl")
)
"""Files of the reader's own, named in examples."""


@cache
def _names(path: Path) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", path.read_text()))


def _resolved(reference: str, text: Path) -> Path | None:
    """Return the file that a reference means, from the text's folder upwards."""
    folders = [text.parent, ROOT, ROOT / "streams", ROOT / "agents", ROOT / "tests"]
    for folder in folders:
        if (folder / reference).exists():
            return folder / reference
    return None


def broken_references(text: Path) -> list[str]:
    """Return the references of a text that lead nowhere."""
    content = text.read_text()
    broken = []
    for path, name in FILE.findall(content):
        if path in EXAMPLE_FILES:
            continue
        target = _resolved(path, text)
        if target is None or any(p not in _names(target) for p in name.split(".") if p):
            broken.append(f"{path}:{name}" if name else path)
    for path, heading in LINK.findall(content):
        target = text if not path else (text.parent / path)
        if not target.exists() or (heading and heading not in headings(target)):
            broken.append(f"{path}#{heading}")
    return broken


def headings(text: Path) -> set[str]:
    """Return the anchors of a Markdown file's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.+)$", text.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-") for line in lines
    }


def cited_papers(content: str) -> list[str]:
    """Return the papers and numbers in a text that are not here."""
    papers = [name for name in PAPER.findall(content) if name not in OWN_PAPERS]
    return [*NUMBERED.findall(content), *papers]


def test_references_in_texts_resolve() -> None:
    """Each file, function and heading that a text names exists."""
    broken = {text: broken_references(text) for text in TEXTS}

    assert {text: names for text, names in broken.items() if names} == {}


def test_texts_refer_to_nothing_outside_the_repository() -> None:
    """No comment or text cites a paper or a number that is not here."""
    sources = [source.path for source in modules("streams", "agents", "tests")]
    paths = [path for path in [*TEXTS, *sources] if path != Path(__file__)]
    cited = {path: cited_papers(path.read_text()) for path in paths}

    assert {path: papers for path, papers in cited.items() if papers} == {}


def test_a_reference_to_a_missing_function_is_broken(tmp_path: Path) -> None:
    """A file that exists without the function named in it is reported."""
    text = tmp_path / "README.md"
    text.write_text("`streams/errors.py:no_such_function` and `streams/errors.py`")

    assert broken_references(text) == ["streams/errors.py:no_such_function"]


def test_a_link_to_a_missing_heading_is_broken(tmp_path: Path) -> None:
    """A link into the same text needs a heading of that name."""
    text = tmp_path / "README.md"
    text.write_text("# Two words\n[good](#two-words) [bad](#three-words)\n")

    assert broken_references(text) == ["#three-words"]
