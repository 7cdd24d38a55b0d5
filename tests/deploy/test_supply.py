"""Packages that the product ships: known, licensed and maintained."""

import json
from datetime import date, timedelta
from importlib.metadata import version

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.supply import lock_review, sbom
from deploy.supply.licences import is_allowed, licence
from deploy.supply.runtime_lock import (
    PIN,
    blocks,
    closure,
    roots,
    runtime_requirements,
)
from tests.structure.source import ROOT

pytestmark = pytest.mark.no_cover

LOCKED = {
    name: match[2]
    for name, line in runtime_requirements().items()
    if (match := PIN.match(line))
}
SHIPPED = sbom.shipped()
REVIEW = json.loads(lock_review.FILE.read_text())
REVIEWED = {
    name: package
    for name, package in REVIEW["packages"].items()
    if LOCKED.get(name) == package["version"]
}

OLDEST_RELEASE = timedelta(days=3 * 365)
"""Age of a release from which its package counts as unmaintained."""

FINISHED = {
    "colorama": "on Windows only, where the product does not run",
    "mdurl": "a parser of URLs in Markdown, complete; rich needs it for its tables",
    "sortedcontainers": "pure data structures, complete; intervaltree needs it",
    "terminaltables": "only Faust's own commands use it, which nobody calls",
    "venusian": "scans for decorators, complete; Faust pins exactly this one",
}
"""Packages without a release for years, and the reason why they may stay."""

UNREVIEWED_MAX = 10
"""Packages that may have changed since the review: a branch has no network at hand."""


def test_the_runtime_needs_no_tool_of_developers() -> None:
    """The image gets all that the product names, and no tool of developers."""
    assert roots((ROOT / "pyproject.toml").read_text()) <= {*LOCKED}
    assert {"pytest", "ruff", "mypy", "testcontainers", "hatchling"}.isdisjoint(LOCKED)
    assert {"aiohttp", "multidict", "propcache"} <= {*LOCKED}


def test_a_package_brings_all_that_it_needs() -> None:
    """All that a package needs comes with it, at any distance, and nothing else."""
    lock = """
alpha==1 \\
    # via klaviyo-streams (pyproject.toml)
beta==2 \\
    # via
    #   alpha
    #   other
gamma==3 ; sys_platform == 'win32' \\
    # via beta
other==4 \\
    # via klaviyo-streams (pyproject.toml)
"""

    assert closure(blocks(lock), {"alpha"}) == {"alpha", "beta", "gamma"}


def test_a_package_that_is_not_locked_is_an_error() -> None:
    """The build of the image ends with the fix, not with less than it needs."""
    with pytest.raises(SystemExit, match="lacks gamma: run `make lock`"):
        closure(blocks("alpha==1 \\\n"), {"gamma"})


@pytest.mark.parametrize("name", SHIPPED)
def test_a_package_has_an_allowed_licence(name: str) -> None:
    """Each package that is shipped may be used with this project's licence."""
    assert is_allowed(licence(name)), licence(name)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        pytest.param("MIT", True, id="allowed"),
        pytest.param("GPL-3.0-only", False, id="not-allowed"),
        pytest.param("GPL-3.0-only OR MIT", True, id="a-choice"),
        pytest.param("MIT AND GPL-3.0-only", False, id="both"),
        pytest.param("MPL-2.0 AND (Apache-2.0 OR GPL-2.0-only)", True, id="nested"),
        pytest.param("LicenseRef-Own", False, id="unknown"),
    ],
)
def test_all_parts_of_an_expression_count(expression: str, *, allowed: bool) -> None:
    """With AND each part must be allowed, with OR one."""
    assert is_allowed(expression) == allowed


def test_the_bill_of_materials_is_valid_and_whole() -> None:
    """CycloneDX's own schema accepts it; all that is shipped is in it as installed."""
    text = sbom.render(sbom.bill(SHIPPED))
    bill = json.loads(text)

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert {part["name"] for part in bill["components"]} == {*SHIPPED}
    assert all(part["licenses"] for part in bill["components"])
    assert {name: version(name) for name in SHIPPED} == SHIPPED


def test_the_lock_has_been_reviewed() -> None:
    """Nearly all locked packages are in the review: if not, run `make supply`."""
    unreviewed = LOCKED.keys() - REVIEWED.keys()

    assert len(unreviewed) <= UNREVIEWED_MAX, sorted(unreviewed)


def test_no_locked_package_has_been_yanked() -> None:
    """A release that its authors have withdrawn is not shipped."""
    assert [name for name, package in REVIEWED.items() if package["yanked"]] == []


def test_each_locked_package_is_maintained() -> None:
    """A release is of the last three years, or its package is complete."""
    limit = date.fromisoformat(REVIEW["reviewed"]) - OLDEST_RELEASE
    old = {
        name
        for name, package in REVIEWED.items()
        if date.fromisoformat(package["released"]) < limit
    }

    assert old == {*FINISHED}


def test_no_action_or_hook_comes_without_a_version() -> None:
    """CI and hooks run what the lock has installed, and download no action."""
    assert "repo: local" in (ROOT / ".pre-commit-config.yaml").read_text()
    assert "https://" not in (ROOT / ".pre-commit-config.yaml").read_text()
    for workflow in ROOT.glob(".github/workflows/*.y*ml"):
        for line in workflow.read_text().splitlines():
            if "uses:" in line:
                assert len(line.partition("@")[2].split()[0]) == 40, line
