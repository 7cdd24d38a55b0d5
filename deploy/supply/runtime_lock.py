"""Part of requirements.lock that the product needs, without the tools of developers.

    python deploy/supply/runtime_lock.py [--extras A,B] > runtime.lock
    python deploy/supply/runtime_lock.py --root PACKAGE > build.lock

The lock says of each package which packages need it. Wanted are the dependencies of the
project, those of its extras (all but `dev`, or those named), and all that these need.
With `--root`, wanted is this package instead. Needs nothing but Python: the build of
the image runs it first.
"""

import argparse
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]

DEVELOPERS_EXTRA = "dev"

PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==(\S+)")
"""Line of the lock that begins a package: name, extras, version."""

NEEDED_BY = re.compile(r"^    #(?: via|  ) +([a-z0-9][a-z0-9._-]*)")
"""Comment of the lock that names a package which needs the one above."""


def canonical(requirement: str) -> str:
    """Return the name in a requirement, written as in the lock."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def roots(pyproject: str, extras: Iterable[str] | None = None) -> set[str]:
    """Return the packages that the project names for those who run it.

    Args:
        pyproject: Text of pyproject.toml.
        extras: Names of extras; all but that of developers by default.

    Raises:
        SystemExit: An extra is none of the project.
    """
    project = tomllib.loads(pyproject)["project"]
    optional = project["optional-dependencies"]
    chosen = optional.keys() - {DEVELOPERS_EXTRA} if extras is None else {*extras}
    if unknown := chosen - optional.keys():
        sys.exit(
            f"no extra of the project: {', '.join(unknown)}; {', '.join(optional)}"
        )
    lists = [project["dependencies"], *(optional[name] for name in chosen)]
    return {canonical(requirement) for names in lists for requirement in names}


def blocks(lock: str) -> dict[str, list[str]]:
    """Return the lines of each package in a lock."""
    packages: dict[str, list[str]] = {}
    name = None
    for line in lock.splitlines():
        if match := PIN.match(line):
            name = match[1]
            packages[name] = []
        if name is not None:
            packages[name].append(line)
    return packages


def closure(packages: Mapping[str, list[str]], wanted: Iterable[str]) -> set[str]:
    """Return the wanted packages with all that they need.

    Raises:
        SystemExit: A wanted package is not in the lock.
    """
    needs = defaultdict(set)
    for name, lines in packages.items():
        for line in lines:
            if match := NEEDED_BY.match(line):
                needs[match[1]].add(name)
    result: set[str] = set()
    queue = sorted(wanted)
    if missing := [name for name in queue if name not in packages]:
        sys.exit(f"requirements.lock lacks {', '.join(missing)}: run `make lock`")
    while queue:
        name = queue.pop()
        if name not in result:
            result.add(name)
            queue += needs[name]
    return result


def runtime_lock(lock: str, wanted: Iterable[str]) -> str:
    """Return the text of a lock with the wanted packages and all that they need."""
    packages = blocks(lock)
    names = closure(packages, wanted)
    return "".join(
        f"{line}\n" for name in packages if name in names for line in packages[name]
    )


def runtime_requirements() -> dict[str, str]:
    """Return the product's packages: name to pinned requirement, with its marker."""
    text = runtime_lock(
        (ROOT / "requirements.lock").read_text(),
        roots((ROOT / "pyproject.toml").read_text()),
    )
    return {
        match[1]: line.rstrip("\\ ")
        for line in text.splitlines()
        if (match := PIN.match(line))
    }


def main() -> None:
    """Print the part of the lock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extras", help="extras of the project; empty for none")
    parser.add_argument("--root", help="package to begin with, instead of the project")
    options = parser.parse_args()
    extras = None
    if options.extras is not None:
        extras = [name for name in options.extras.split(",") if name]
    wanted = {options.root}
    if options.root is None:
        wanted = roots((ROOT / "pyproject.toml").read_text(), extras)
    sys.stdout.write(runtime_lock((ROOT / "requirements.lock").read_text(), wanted))


if __name__ == "__main__":
    main()
