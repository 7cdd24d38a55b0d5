"""Names and docstrings use the words of the field, one word for one thing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.measures import fillers, repeated_type_names
from tests.structure.source import Module, modules

pytestmark = pytest.mark.no_cover
"""Reads the source, and runs none of it."""

BANNED = frozenset(Path(__file__).with_name("banned_words.txt").read_text().split())
"""Parts of names that mean nothing to a newcomer, or too many things."""

COMPOUNDS = re.compile(
    "dead_?letters?|bench_?mark|place_?holders?|key_?words?|pass_?words?|place_order"
)
"""Terms of the field that hold a banned part."""

FIELD_TERMS = {
    "streams.mapping.liquid": {"word", "words", "letter"},  # `truncatewords`, Unicode
    "tests.streams.mapping": {"word", "words"},
    "streams.mapping.text": {"lone"},  # Unicode's lone surrogates
}
"""Packages in which a banned part is the right word."""

VAGUE_OPENINGS = frozenset(
    Path(__file__).with_name("vague_openings.txt").read_text().split()
)
"""Words that no docstring begins with: the subject comes first."""

MOST_FILLERS = 300

SOURCE = modules("streams", "agents")
EVERYTHING = [*SOURCE, *modules("tests")]


def _defined(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case _:
                continue


def parts_of(name: str) -> list[str]:
    """Split an identifier into its words, terms of the field left out."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return [part for part in COMPOUNDS.sub("", snake).split("_") if part]


def banned_names(source: Module) -> list[str]:
    """Return the names that a module defines with a banned part."""
    allowed = {
        part
        for package, parts in FIELD_TERMS.items()
        if source.name.startswith(package)
        for part in parts
    }
    names = [(source.path.stem, 0), *_defined(source.tree)]
    return [
        f"{name} (line {line})"
        for name, line in names
        if not name.startswith("test_")
        and not (BANNED - allowed).isdisjoint(parts_of(name))
    ]


def vague_first_lines(source: Module) -> list[str]:
    """Return first lines that are too short or do not begin with their subject."""
    return [
        f"{line!r} (line {number})"
        for line, number in source.docstring_first_lines()
        if len(line.split()) < 4 or _opening(line) in VAGUE_OPENINGS
    ]


def _opening(line: str) -> str:
    return re.split(r"[^a-z]", line.lower().lstrip('`"'))[0]


@pytest.mark.parametrize(
    ("name", "banned"),
    [
        pytest.param("is_told", True, id="snake-case"),
        pytest.param("ListHop", True, id="camel-case"),
        pytest.param("dead_letters", False, id="term-of-the-field"),
        pytest.param("DeadLetter", False, id="term-in-camel-case"),
        pytest.param("letter_of", True, id="part-of-the-term-alone"),
        pytest.param("stopgap", False, id="inside-another-word"),
    ],
)
def test_a_banned_part_is_seen_in_any_spelling(name: str, *, banned: bool) -> None:
    """Splitting a name finds a banned part wherever it stands as a word."""
    assert (not BANNED.isdisjoint(parts_of(name))) == banned


def test_names_use_the_words_of_the_field() -> None:
    """Modules define no name with a banned part."""
    banned = {source.name: banned_names(source) for source in EVERYTHING}

    assert {name: names for name, names in banned.items() if names} == {}


def test_docstrings_begin_with_their_subject() -> None:
    """First lines of docstrings have four words or more, the subject first."""
    vague = {source.name: vague_first_lines(source) for source in EVERYTHING}

    assert {name: lines for name, lines in vague.items() if lines} == {}


def test_a_type_name_means_one_type() -> None:
    """No two modules of the source define a class or alias of one name."""
    assert repeated_type_names(SOURCE) == {}


def test_values_are_named_by_what_they_are() -> None:
    """Filler identifiers such as `found` stay rare."""
    assert fillers(SOURCE).total() <= MOST_FILLERS
