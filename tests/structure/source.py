"""Parsed modules of the project, as the structure tests and measures read them."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file, parsed at most once.

    Attributes:
        path: Path of the file.
        root: Directory that the dotted name begins at.
    """

    path: Path
    root: Path = ROOT

    @property
    def name(self) -> str:
        """Dotted name, as in an import."""
        parts = self.path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts).removesuffix(".__init__")

    @property
    def is_package(self) -> bool:
        """Return True for an `__init__.py`."""
        return self.path.name == "__init__.py"

    @cached_property
    def text(self) -> str:
        """Text of the file."""
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree of the file."""
        return ast.parse(self.text)

    @property
    def line_count(self) -> int:
        """Number of physical lines."""
        return self.text.count("\n")

    def identifiers(self) -> Iterator[tuple[str, int]]:
        """Yield each identifier in the code, with its line."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.NAME:
                yield token.string, token.start[0]

    def classes(self) -> Iterator[ast.ClassDef]:
        """Yield each class of the module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield node

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Yield each function and method of the module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def docstring_first_lines(self) -> Iterator[tuple[str, int]]:
        """Yield the first line of each docstring, with the line it documents."""
        for node in ast.walk(self.tree):
            if isinstance(node, Documented) and (text := ast.get_docstring(node)):
                yield text.splitlines()[0], getattr(node, "lineno", 1)

    def imports(self) -> Iterator[str]:
        """Yield the dotted names that the module imports, `from` targets included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(*folders: str, root: Path = ROOT) -> list[Module]:
    """Return the modules below folders of the repository, in order of their paths."""
    return [
        Module(path, root)
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
    ]
