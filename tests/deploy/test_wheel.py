"""Wheel of the project, installed in an environment that holds no source."""

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY
from tests.structure.source import ROOT

pytestmark = [pytest.mark.no_cover, pytest.mark.xdist_group("wheel")]


def run(*command: str | Path, cwd: Path, stdin: str = "") -> str:
    """Return the standard output of a command that must end with 0."""
    result = subprocess.run(  # noqa: S603 - no shell
        command,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin"},
        input=stdin,
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of an environment with the wheel.

    The packages of the lock are those of the test's own environment: their path is
    added by a `.pth` file, which brings no editable install of this project with it.
    """
    folder = tmp_path_factory.mktemp("wheel")
    python = Path(sys.executable)
    build = ["-m", "hatchling", "build", "--target", "wheel", "--directory"]
    run(python, *build, folder, cwd=ROOT)
    venv.create(folder / "venv", symlinks=True)
    [wheel] = folder.glob("*.whl")
    new_python = folder / "venv/bin/python"
    install = ["pip", "install", "--quiet", "--offline", "--no-deps", "--python"]
    run(python.with_name("uv"), *install, new_python, wheel, cwd=folder)
    [packages] = folder.glob("venv/lib/python3*/site-packages")
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib"))
    return new_python.parent


def test_the_wheel_brings_the_command(installed: Path, tmp_path: Path) -> None:
    """The command runs far from any checkout, and checks a destination file."""
    command = installed / "klaviyo-streams"
    where = "import agents, streams; print(agents.__file__, streams.__file__)"

    imported = run(installed / "python", "-c", where, cwd=tmp_path).split()
    printed = run(command, "check", DEPLOY / "examples/destination.yaml", cwd=tmp_path)

    assert all(path.startswith(str(installed.parent)) for path in imported)
    assert printed


def test_the_wheel_explains_an_event(installed: Path, tmp_path: Path) -> None:
    """All modules and data files of the journey are in the wheel."""
    events = (DEPLOY / "examples/first-event/events.jsonl").read_text()

    printed = run(installed / "klaviyo-streams", "explain", cwd=tmp_path, stdin=events)

    [outcome] = json.loads(printed)["outcomes"]
    assert outcome["verdict"] == "delivered"


def test_the_wheel_holds_all_modules_and_nothing_else(
    installed: Path,
) -> None:
    """Each module and data file of the two packages is installed, and no test."""
    [packages] = installed.parent.glob("lib/python3*/site-packages")
    here = {
        path.relative_to(ROOT)
        for package in ("streams", "agents")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    there = {
        path.relative_to(packages)
        for path in packages.rglob("*")
        if path.is_file()
        and path.relative_to(packages).parts[0] in {"streams", "agents", "tests"}
        and "__pycache__" not in path.parts
    }

    assert there == here
