"""Commands of `deploy/README.md` and `deploy/RUNBOOK.md`, run or excepted by a reason.

Commands are the lines of the fenced `sh` blocks, and what stands between backticks and
begins with the name of the program. Those of the program run in this process, in the
order of the text, against a Kafka with the topics of a worker and a sandbox.
"""

import re
import shlex
import shutil
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner

from agents.cli import main
from streams.settings.model import Settings
from tests.agents.cli.support.help_examples import called_command
from tests.brokers.interface import Broker
from tests.deploy.tools import DEPLOY
from tests.deploy.tools import run as run_program
from tests.journeys.klaviyo import Klaviyo

NAME = "klaviyo-streams"

TEXTS = (DEPLOY / "README.md", DEPLOY / "RUNBOOK.md")

FOLDER = DEPLOY.parent / "tests/agents/cli/folder"
"""Files that examples of commands name."""

NO_ENGINE = "no container engine here: deploy/verify-with-docker.sh tries it"
NO_CLUSTER = "no Kubernetes here: tests/deploy/test_helm.py renders the chart"
NOT_ROOT = "changes the machine: tests/deploy/test_systemd.py verifies the unit"
BUILDS = "what CI has done before the tests begin"
RUNS_ON = "runs until it is stopped: tests/agents/cli/test_help_examples.py starts it"
NEEDS_WORKER = "needs a worker: the journeys read its web server"
OUTSIDE = "asks hosts outside of this machine"

EXCEPTIONS = {
    "docker ": NO_ENGINE,
    "deploy/verify-with-docker.sh": NO_ENGINE,
    "kubectl ": NO_CLUSTER,
    "helm ": NO_CLUSTER,
    "sudo ": NOT_ROOT,
    "make setup": BUILDS,
    "make dist": "builds for minutes: tests/deploy/test_wheel.py installs the wheel",
    "make sbom": "tests/deploy/test_supply.py renders the same text",
    "make supply": OUTSIDE,
    "pip install ": BUILDS,
    "python deploy/grafana/dashboard.py": "tests/deploy/test_grafana.py compares",
    "curl -s localhost:6066/": NEEDS_WORKER,
    f"{NAME} worker": RUNS_ON,
    f"{NAME} sync serve": RUNS_ON,
}
"""By beginning: commands that are not run here, and the reason."""

VALUES = {"KEY": "vip", "CODE": "list-gone", "ID": "r-17", "FILE": "destination.yaml"}
"""Values for what stands in capitals."""

EXITS = {
    "doctor": {0, 1},  # 1 where a metric of a preset is not in Klaviyo yet
    "reconcile": {0, 1},  # 1 where a list differs from its audience
    "replay --stop": {1},  # no replay has that id
    "replay --audience": {0, 1},  # 1 where no record is in the range
    "reconcile --audience": {0, 1},
}
"""By beginning, the longest first: exit codes beside 0."""

SETTINGS = {
    "KLAVIYO_STREAMS_DESTINATION": "syncs.yaml",
    "WAREHOUSE_URL": "duckdb:///warehouse.duckdb",
    "KLAVIYO_API_KEY": "any",
}

SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(rf"`({NAME} [^`]+)`")
COMMENT = re.compile(r"(^|\s+)# .*$")


def commands(text: str) -> list[str]:
    """Return the commands of a text, in its order, each once."""
    pieces = []
    for block in SHELL_BLOCK.finditer(text):
        joined = block[1].replace("\\\n", " ")
        lines = [
            " ".join(COMMENT.sub("", line).split()) for line in joined.splitlines()
        ]
        pieces += [(block.start(), line) for line in lines if line]
    pieces += [
        (inline.start(), " ".join(inline[1].split()))
        for inline in INLINE.finditer(SHELL_BLOCK.sub(_blank, text))
    ]
    return [*dict.fromkeys(line for _, line in sorted(pieces, key=lambda p: p[0]))]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def exception(command: str) -> str | None:
    """Return the reason why a command is not run; None if it is."""
    if command.startswith(f"{NAME} "):
        _, called = called_command(main, tuple(command.split()[1:]))
        if isinstance(called, click.Group):
            return "names a group of commands"
    reasons = (EXCEPTIONS[begin] for begin in EXCEPTIONS if command.startswith(begin))
    return next(reasons, None)


ALL_COMMANDS = {text.name: commands(text.read_text()) for text in TEXTS}


@pytest.fixture
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a working directory with the files that the texts name."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    shutil.copy(DEPLOY / "examples/destination.yaml", tmp_path)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.execute("CREATE TABLE customers AS SELECT 1 AS id, 'a@b.co' AS email")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def klaviyo() -> Iterator[Klaviyo]:
    """Sandbox for the commands of all texts."""
    with closing(Klaviyo("--no-quotas")) as klaviyo:
        yield klaviyo


@pytest.fixture
def _environ(
    _folder: None,
    durable_kafka: Broker,
    klaviyo: Klaviyo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Set the settings of a sandbox and of a cluster with the topics of a worker."""
    app = f"texts-{uuid.uuid4().hex[:8]}"
    settings = SETTINGS | {
        "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": durable_kafka.bootstrap,
        "KLAVIYO_STREAMS_KLAVIYO_URL": klaviyo.url,
        "KLAVIYO_STREAMS_APP_ID": app,
        "KLAVIYO_STREAMS_TOPIC_PREFIX": f"{app}.",
        "KLAVIYO_STREAMS_SOURCE_TOPICS": f"{app}.source",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    made = CliRunner().invoke(main, ["topics"])
    assert made.exit_code == 0, made.output


def run(command: str) -> str:
    """Return the fault of a command that runs here; empty without any."""
    arguments = [VALUES.get(part, part) for part in shlex.split(command)]
    if arguments[0] != NAME:
        run_program(*arguments)
        return ""
    line = command.removeprefix(f"{NAME} ")
    allowed = next((EXITS[begin] for begin in EXITS if line.startswith(begin)), {0})
    events = Path("events.jsonl").read_text() if arguments[1] == "explain" else None
    result = CliRunner().invoke(main, arguments[1:], input=events)
    is_expected = result.exit_code in allowed and "Traceback" not in result.output
    return "" if is_expected else f"{command}: {result.exit_code}: {result.output}"


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        pytest.param(
            "RUNBOOK.md",
            marks=pytest.mark.wrong_request("doctor tries scopes with empty bodies"),
        ),
    ],
)
@pytest.mark.usefixtures("_environ")
def test_the_commands_of_a_text_run(name: str) -> None:
    """Each command ends with a code that it may end with, in the order of the text."""
    runnable = [
        command
        for command in ALL_COMMANDS[name]
        if exception(command) is None and not command.startswith("export ")
    ]
    faults = [fault for command in runnable if (fault := run(command))]

    assert faults == []
    assert len(runnable) >= 5


@pytest.mark.parametrize("beginning", EXCEPTIONS)
def test_each_exception_is_needed(beginning: str) -> None:
    """No reason is kept for a command that no text has any more."""
    assert ALL_COMMANDS.keys() == {"README.md", "RUNBOOK.md"}  # each is run above
    everything = [line for lines in ALL_COMMANDS.values() for line in lines]

    assert any(line.startswith(beginning) for line in everything)


def test_the_variables_of_the_texts_are_settings() -> None:
    """An `export` of a text sets something that a worker or a sync reads."""
    lines = [line for lines in ALL_COMMANDS.values() for line in lines]
    exported = [
        line.removeprefix("export ").partition("=")[0]
        for line in lines
        if line.startswith("export ")
    ]
    names = {name.removeprefix("KLAVIYO_STREAMS_").lower() for name in exported}

    assert names <= {*Settings.__struct_fields__, "klaviyo_api_key", "warehouse_url"}
    assert exported


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    """Comments and line ends go; a command in a sentence may break over lines."""
    text = """
Run `klaviyo-streams replay
--list`, then:

```sh
klaviyo-streams topics   # a comment
klaviyo-streams audiences export \\
  all.jsonl
```
"""

    assert commands(text) == [
        "klaviyo-streams replay --list",
        "klaviyo-streams topics",
        "klaviyo-streams audiences export all.jsonl",
    ]
