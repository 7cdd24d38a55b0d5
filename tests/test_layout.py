"""Shape of the tree: small modules, known folders, allowed imports."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULE_MAX_LINES = 400

TOP_LEVEL_NAMES = {
    ".ci",
    ".github",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "agents",
    "deploy",
    "pyproject.toml",
    "requirements.lock",
    "streams",
    "tests",
}
"""Names allowed at the top of the repository. A new name takes a reason."""

PACKAGES = {
    "actions",
    "audiences",
    "dead_letters",
    "delivery",
    "destination",
    "doctor",
    "events",
    "klaviyo",
    "mapping",
    "migration",
    "rate_limiting",
    "reconcile",
    "replay",
    "sandbox",
    "settings",
    "state",
    "triggers",
    "warehouse",
}
"""Packages of `streams/`, from the design."""

ALLOWED_FAUST_MODULES = {
    "faust",
    "faust.types",
    "faust.cli",
    "faust.web",
    "mode",
    "mode.loop",
}
"""Modules of Faust and mode that code outside `agents.engine` may import."""

REGISTRY_HOSTS = ("pypi." + "org", "files.python" + "hosted", "--index" + "-url")
"""Hosts of package registries, which belong in pip's own settings."""


def _modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


def _ignored() -> set[str]:
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return {line.rstrip("/") for line in lines} | {".git"}


def test_no_module_is_longer_than_the_limit() -> None:
    """No module is longer than the limit."""
    lines = {
        path: path.read_bytes().count(b"\n")
        for path in _modules("streams", "agents", "tests")
    }

    assert {path: n for path, n in lines.items() if n > MODULE_MAX_LINES} == {}


def test_the_top_level_holds_only_known_names() -> None:
    """Unknown files at the top level are noticed, except files that git ignores."""
    ignored = _ignored()
    names = {
        path.name
        for path in ROOT.iterdir()
        if not any(path.match(pattern) for pattern in ignored)
    }

    assert names - TOP_LEVEL_NAMES == set()


def test_streams_holds_only_the_packages_of_the_design() -> None:
    """A new package is first added to the design and to the layers."""
    packages = {path.parent.name for path in (ROOT / "streams").glob("*/__init__.py")}

    assert packages - PACKAGES == set()


def test_the_sandbox_contract_names_every_package() -> None:
    """The contract that lists all packages misses none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    sandbox = next(
        c for c in contracts if c.get("source_modules") == ["streams.sandbox"]
    )
    packages = {
        f"streams.{path.stem}"
        for path in (ROOT / "streams").iterdir()
        if (path / "__init__.py").exists() or path.suffix == ".py"
    } - {"streams.__init__", "streams.sandbox"}

    assert packages - set(sandbox["forbidden_modules"]) == set()


def _internal_modules(path: Path) -> set[str]:
    """Return the modules of Faust and mode that a file imports and may not."""
    return {
        name
        for name in _imported(path)
        if name.split(".")[0] in {"faust", "mode"}
        and name not in ALLOWED_FAUST_MODULES
        and not name.startswith("faust.types")
    }


def test_only_the_engine_knows_the_inside_of_faust() -> None:
    """Stages import only Faust's public modules; its internals may change."""
    imported = {
        path: _internal_modules(path)
        for path in _modules("agents")
        if "engine" not in path.relative_to(ROOT).parts
    }

    assert {path: names for path, names in imported.items() if names} == {}


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "Makefile"])
def test_no_registry_is_named(name: str) -> None:
    """The lock holds versions and hashes, and installs from any mirror."""
    text = (ROOT / name).read_text()

    assert [host for host in REGISTRY_HOSTS if host in text] == []


def test_every_locked_package_has_hashes() -> None:
    """The installer refuses a package other than the locked one."""
    lock = (ROOT / "requirements.lock").read_text()
    pins = [line for line in lock.splitlines() if "==" in line[:80] and line[0] != " "]
    lines = lock.splitlines()
    bare = [pin for pin in pins if "--hash=sha256:" not in lines[lines.index(pin) + 1]]

    assert bare == []
    assert len(pins) > 50
