"""Measures of the source's structure: `python -m tests.structure.measures [CHECKOUT]`.

Prints one line per measure. A path to another checkout measures that one, so that two
commits can be compared with the same program.
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median, quantiles

from tests.structure.source import ROOT, Module, modules

FILLERS = frozenset(
    ("one", "found", "given", "named", "held", "left", "wanted", "known", "some")
)
"""Identifiers that name a value by nothing it is."""

PRONOUN = re.compile(
    r"\b(it|its|they|their|them|those|these|what|who|whom|whose|which|one|ones|"
    r"nobody|nothing|somebody|someone|something|everything|everybody)\b",
    re.IGNORECASE,
)
"""Words that point at something which the line itself does not name."""

SMALL_LINES = 40

PACKAGE_FILES = frozenset(("__init__.py", "__main__.py"))
"""Files that every package or command has; modules are counted without these."""

_TYPE_NAME = re.compile(r"_?[A-Z][a-z]")


def fillers(sources: Iterable[Module]) -> Counter[str]:
    """Count the uses of filler identifiers."""
    return Counter(
        name.lower()
        for source in sources
        for name, _ in source.identifiers()
        if name.lower().strip("_") in FILLERS
    )


def repeated_type_names(sources: Iterable[Module]) -> dict[str, list[str]]:
    """Return the names of classes and aliases that several modules define."""
    defined_in: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        for name in _type_names(source.tree):
            defined_in[name].append(source.name)
    return {name: where for name, where in sorted(defined_in.items()) if len(where) > 1}


def _type_names(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                names.add(name)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ) if _TYPE_NAME.match(name) and not _is_type_variable(value):
                names.add(name)
    return names


def _is_type_variable(value: ast.expr | None) -> bool:
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in {"TypeVar", "ParamSpec"}
    )


def importers(sources: list[Module]) -> dict[str, set[str]]:
    """Return which modules import each module of the source."""
    names = {source.name for source in sources}
    found_by: dict[str, set[str]] = {name: set() for name in names}
    for source in sources:
        for target in source.imports():
            parent = target.rpartition(".")[0]
            if imported := next((n for n in (target, parent) if n in names), None):
                found_by[imported].add(source.name)
    return found_by


def folder_sizes(sources: Iterable[Module]) -> Counter[str]:
    """Count the modules of each folder, `__init__.py` and `__main__.py` left out."""
    return Counter(
        str(source.path.parent.relative_to(source.root))
        for source in sources
        if source.path.name not in PACKAGE_FILES
    )


def method_counts(sources: Iterable[Module]) -> dict[str, int]:
    """Count the methods of each class."""
    return {
        f"{source.name}.{node.name}": sum(
            isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
            for item in node.body
        )
        for source in sources
        for node in source.classes()
    }


def function_lengths(sources: Iterable[Module]) -> list[int]:
    """Return the lines of each function, its docstring left out."""
    return [_length(node) for source in sources for node in source.functions()]


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first, last = node.body[0], node.end_lineno or node.lineno
    lines = last - node.lineno + 1
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def measure(root: Path, report: Callable[[str], None]) -> None:
    """Report the measures of a checkout, a line each."""
    sources = modules("streams", "agents", root=root)
    first_lines = [line for s in sources for line, _ in s.docstring_first_lines()]
    pronouns = sum(1 for line in first_lines if PRONOUN.search(line))
    own_modules = [s for s in sources if s.path.name not in PACKAGE_FILES]
    imported_by = importers(sources)
    single = sum(len(imported_by[source.name]) == 1 for source in own_modules)
    short_modules = sum(s.line_count <= SMALL_LINES for s in own_modules)
    short_packages = sum(s.is_package and s.line_count <= SMALL_LINES for s in sources)
    klaviyo = [s for s in sources if s.name.startswith("streams.klaviyo")]
    folder, most = folder_sizes(klaviyo).most_common(1)[0]
    anywhere, most_anywhere = folder_sizes(sources).most_common(1)[0]
    longest, methods = max(method_counts(sources).items(), key=lambda item: item[1])
    lengths = function_lengths(sources)
    report(f"filler identifiers             {fillers(sources).total()}")
    report(f"type names defined twice       {len(repeated_type_names(sources))}")
    report(
        "first lines with a pronoun     "
        f"{pronouns} of {len(first_lines)} ({pronouns / len(first_lines):.0%})"
    )
    report(f"modules with one importer      {single} of {len(own_modules)}")
    report(
        f"files of <= {SMALL_LINES} lines           "
        f"{short_modules + short_packages} ({short_packages} of them __init__.py)"
    )
    report(f"largest folder of klaviyo      {most} modules ({folder})")
    report(f"largest folder                 {most_anywhere} modules ({anywhere})")
    report(f"longest module                 {max(s.line_count for s in sources)} lines")
    report(f"longest class                  {methods} methods ({longest})")
    report(
        f"functions                      median {median(lengths):.0f} lines, "
        f"p90 {quantiles(lengths, n=10)[-1]:.0f}"
    )


if __name__ == "__main__":
    measure(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT, print)
