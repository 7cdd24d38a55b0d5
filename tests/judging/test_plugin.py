"""Runs of pytest inside this run: a wrong request fails the test."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = '''
import subprocess
import sys

import pytest

from streams.sandbox import Sandbox, SandboxConfig
from tests.judging import note_request
from tests.streams.sandbox.api import SandboxApi

RIGHT = {"data": {"type": "list", "attributes": {"name": "VIP"}}}
MISSPELT = {"data": {"type": "list", "attributes": {"names": "VIP"}}}
TAKEN = {**RIGHT, "date": {}}
meant = pytest.mark.wrong_request("on purpose")

KILLED = """
import asyncio, os, signal
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.sandbox.api import SandboxApi

async def main():
    async with Sandbox(SandboxConfig()) as klaviyo, SandboxApi(klaviyo.url) as api:
        await api.post("/api/lists", {"data": {"type": "lst"}})
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def post(body):
    async with Sandbox(SandboxConfig()) as klaviyo, SandboxApi(klaviyo.url) as api:
        return (await api.post("/api/lists", body)).status


async def test_right(): assert await post(RIGHT) == 201

async def test_misspelt(): assert await post(MISSPELT) == 400

@meant
async def test_meant(): assert await post(MISSPELT) == 400

@meant
async def test_meant_and_taken(): assert await post(TAKEN) == 201

@meant
async def test_meant_and_right(): assert await post(RIGHT) == 201

@meant
async def test_meant_and_skipped(): pytest.skip()

async def test_unknown_path():
    async with Sandbox(SandboxConfig()) as klaviyo, SandboxApi(klaviyo.url) as api:
        await api.get("/api/shoes")

def test_another_process():
    subprocess.run([sys.executable, "-c", KILLED])

def test_fake(): note_request("POST", "/api/lists", b"{}")

@pytest.fixture(scope="module")
def late():
    yield
    note_request("POST", "/api/nothing", b"")

def test_fixture_of_the_module(late): pass
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the output of a run of these tests."""
    return inside(tmp_path_factory.mktemp("inside"), TESTS)


def inside(directory: Path, tests: str) -> str:
    """Run tests in a separate pytest run and return the output."""
    file = directory / "test_inside.py"
    file.write_text(tests)
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-q", "-rA"]
    plugins = ["-p", "tests.judging.plugin", "-p", "no:cacheprovider"]
    ran = subprocess.run(  # noqa: S603 - our own command, no shell
        [*command, *plugins, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("name", "objection"),
    [
        pytest.param("right", "", id="a-right-body"),
        pytest.param("misspelt", "names: Extra inputs", id="misspelt"),
        pytest.param("meant", "", id="on-purpose-and-refused"),
        pytest.param("meant_and_taken", "date: Extra inputs", id="but-accepted"),
        pytest.param("meant_and_right", "none was refused", id="but-right"),
        pytest.param("meant_and_skipped", "", id="not-run"),
        pytest.param("unknown_path", "no operation", id="unknown-path"),
        pytest.param("another_process", "/data/type: Input", id="killed-process"),
        pytest.param("fake", "/data: Field required", id="sent-to-a-fake"),
        pytest.param("fixture_of_the_module", "no operation", id="late"),
    ],
)
def test_a_test_answers_for_what_it_sent(run: str, name: str, objection: str) -> None:
    """Wrong requests cause an error in the teardown of the test."""
    titled = rf"ERROR at teardown of test_{name} _+\n(.*)"
    match = re.search(titled, run)

    if objection:
        assert match is not None, run
        assert objection in match[1]
    else:
        assert match is None, run


def test_the_run_says_how_much_was_judged(run: str) -> None:
    """The summary counts bodies, operations and expected faults."""
    assert "klaviyo bodies judged: 7 of 1 operations; wrong on purpose: 1\n" in run


def test_a_mark_without_a_reason_is_no_mark(tmp_path: Path) -> None:
    """The run does not begin."""
    marked = "import pytest\n@pytest.mark.wrong_request\ndef test_it(): pass\n"

    assert "test_it: wrong_request needs a reason" in inside(tmp_path, marked)
