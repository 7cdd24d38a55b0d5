"""Every command's help has examples, and every example does what it says.

Who adds a command writes its examples. Where they need a file, it goes into `folder/`;
where they may end otherwise than with 0, into `EXITS`; where they run until they are
stopped, into `RUNS_ON`.
"""

import gzip
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click
import duckdb
import pytest
from click.testing import CliRunner

from agents.admin import parquet
from agents.cli import main
from streams.audiences.table_snapshot import read_lines
from tests.agents.cli.support.example_runner import ROOT, ExampleRun, is_known
from tests.agents.cli.support.help_examples import (
    NAME,
    Example,
    ExampleProgram,
    called_command,
    commands,
    examples_of,
    has_option,
)
from tests.brokers.interface import Broker, admin
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.topics import Group

FOLDER = Path(__file__).with_name("folder")
COMMANDS = [name for name, _ in commands(main)]
EXAMPLES = [one for name in COMMANDS for one in examples_of(main, name)]

KAFKA, KLAVIYO = "localhost:9092", "localhost:8900"
"""What stands in examples for a broker and for a sandbox of the reader's own."""

EXITS = {
    "compare": {0, 1},  # 1 where requests differ
    "deadletters discard": {0, 1},  # 1 where none is meant
    "deadletters requeue": {0, 1},  # the same, or where one cannot be
    "doctor": {0, 1, 2},  # 1 after a warning, 2 after a failure
    "metrics": {0, 1},  # 1 where Klaviyo lacks a metric
    "reconcile": {0, 1},  # 1 where a list differs from its audience
    "sources inspect": {0, 1},  # 1 where the topic does not exist
    "sync approve": {0, 1},  # 1 where no run is paused
    "sync resume": {0, 1},  # 1 where no run was interrupted
}
"""By command: the codes its examples may end with, where it is not 0 alone."""


SYNC_SETTINGS = {
    "KLAVIYO_STREAMS_DESTINATION": "syncs.yaml",
    "WAREHOUSE_URL": "duckdb:///warehouse.duckdb",
}
"""Where the syncs of the examples are, and their database."""


class RunsOn(NamedTuple):
    """A command that runs until it is stopped.

    Attributes:
        said: What is in its output once it is up; empty for a worker, which is up when
            it is in its consumer groups.
        code: What it ends with after SIGTERM.
    """

    said: str
    code: int


RUNS_ON = {
    "demo": RunsOn("with an outcome", 1),
    "sandbox": RunsOn("Klaviyo sandbox on http", 0),
    "sync serve": RunsOn("service of", 0),
    "worker": RunsOn("", 0),
}

WHAT_TO_DO = f"""
Mend the example or the command. Or, if the example
  needs a file:              put it into {FOLDER.relative_to(ROOT)}/
  may end with that code:    add it to EXITS in {Path(__file__).relative_to(ROOT)}
  runs until it is stopped:  add it to RUNS_ON there
"""


def _calls(example: Example) -> list[tuple[str, click.Command]]:
    return [
        called_command(main, stage.arguments[1:])
        for stage in example.programs()
        if stage.arguments[:1] == (NAME,)
    ]


def _needs_kafka(example: Example) -> bool:
    """Return True if an example names a broker or reads the settings."""
    reads_settings = any(
        has_option(command, "--settings") for _, command in _calls(example)
    )
    return reads_settings or KAFKA in example.line


def _marks(example: Example) -> list[pytest.MarkDecorator]:
    if example.line.endswith("doctor --json"):
        reason = "an empty body tries a write scope"
        return [pytest.mark.kafka, pytest.mark.slow, pytest.mark.wrong_request(reason)]
    if _needs_kafka(example):
        return [pytest.mark.kafka, pytest.mark.slow]
    return [pytest.mark.slow] if "demo" in example.line.split() else []


@pytest.fixture(scope="module")
def klaviyo() -> Iterator[Klaviyo]:
    """The sandbox that the examples of this module talk to."""
    with closing(Klaviyo("--no-quotas")) as klaviyo:
        yield klaviyo


@pytest.fixture(scope="module")
def cluster(kafka: Broker) -> dict[str, str]:
    """Settings of a cluster that has the topics of a worker, as many as by default."""
    if not kafka.durable:
        pytest.skip(f"needs a durable broker, and this run has {kafka.name}")
    app = f"examples-{uuid.uuid4().hex[:8]}"
    settings = {
        "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "KLAVIYO_STREAMS_APP_ID": app,
        "KLAVIYO_STREAMS_TOPIC_PREFIX": f"{app}.",
        "KLAVIYO_STREAMS_SOURCE_TOPICS": f"{app}.source",
    }
    made = CliRunner().invoke(main, ["topics"], env=settings)
    assert made.exit_code == 0, made.output
    return settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of `folder/` and of the examples we ship, and what is made of them."""
    for shelf in (ROOT / "deploy" / "examples", FOLDER):
        shutil.copytree(shelf, tmp_path, dirs_exist_ok=True)
    lines = (tmp_path / "memberships.jsonl").read_bytes()
    (tmp_path / "memberships.jsonl.gz").write_bytes(gzip.compress(lines))
    with duckdb.connect(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.execute("CREATE TABLE customers AS SELECT 1 AS id, 'a@b.co' AS email")
    copy = read_lines(lines.splitlines())
    parquet.write_parquet(tmp_path / "memberships.parquet", copy, exported_at="")
    return tmp_path


def _environ(klaviyo: Klaviyo, settings: dict[str, str]) -> dict[str, str]:
    """An environment in which nothing outside of this machine is asked."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KLAVIYO_")}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "CI": "true",
        "KLAVIYO_API_KEY": "pk_any",
        "KLAVIYO_STREAMS_KLAVIYO_URL": klaviyo.url,
        "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "KLAVIYO_STREAMS_WEB_PORT": "0",
        **settings,
    }


def _placed(stage: ExampleProgram, *, kafka: str, klaviyo: str) -> ExampleProgram:
    """Put our places where an example has the reader's, and nobody's Klaviyo.

    The one place where an example is changed before it is run.
    """
    arguments = [
        argument.replace(KAFKA, kafka).replace(KLAVIYO, klaviyo)
        for argument in stage.arguments
    ]
    if arguments[0] == NAME:
        _, command = called_command(main, stage.arguments[1:])
        ours = {"--klaviyo-url": f"http://{klaviyo}", "--port": "0"}
        for option, value in ours.items():
            if has_option(command, option) and option not in arguments:
                arguments += [option, value]
    if arguments[0] == "curl":
        arguments[1:1] = ["--silent", "--show-error", "--fail"]
    return replace(stage, arguments=tuple(arguments))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples(name: str) -> None:
    """In what `--help` prints, one of them of the command itself."""
    found = [one.line for one in examples_of(main, name)]

    assert any(f"{NAME} {name}" in line for line in found), (
        f"`{NAME} {name} --help` prints no block of examples with `{NAME} {name}` in "
        "it. End its docstring with a line \\b, a line Examples:, and the examples, "
        "indented and one a line. A docstring with r before it has no \\b."
    )


def test_a_line_is_taken_apart_as_a_shell_does() -> None:
    """Assignments, files and pipes; what is quoted is no pipe."""
    line = "A=1 klaviyo-streams x 'a | b' c=d < in.txt | gzip -c > out.gz"

    first, second = Example(command="x", line=line).programs()

    arguments = (NAME, "x", "a | b", "c=d")
    assert first == ExampleProgram(
        arguments=arguments, environ={"A": "1"}, source="in.txt"
    )
    assert second == ExampleProgram(
        arguments=("gzip", "-c"), environ={}, target="out.gz"
    )


@pytest.mark.parametrize(
    "example",
    [pytest.param(one, id=one.line, marks=_marks(one)) for one in EXAMPLES],
)
def test_an_example_does_what_it_says(
    example: Example,
    klaviyo: Klaviyo,
    folder: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Each example ends with an allowed code, or starts and stops in order."""
    settings = request.getfixturevalue("cluster") if _needs_kafka(example) else {}
    if example.command.startswith("sync"):
        settings = settings | SYNC_SETTINGS
    environ = _environ(klaviyo, settings)
    kafka = environ["KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS"]
    klaviyo_address = klaviyo.url.partition("://")[2]
    stages = [
        _placed(s, kafka=kafka, klaviyo=klaviyo_address) for s in example.programs()
    ]
    for stage in stages:
        known = is_known(stage.arguments[0]) and (folder / stage.source).exists()
        wanted = f"{stage.arguments[0]} {stage.source}"
        assert known, f"{example.line}\nis not here: {wanted}{WHAT_TO_DO}"

    with ExampleRun(stages, folder=folder, environ=environ) as typed:
        names = [name for name, _ in _calls(example)]
        if names and names[-1] in RUNS_ON:
            _ends_in_order(example, typed, RUNS_ON[names[-1]], environ)
        else:
            _ends_as_it_may(example, typed, stages)


def _ends_as_it_may(
    example: Example, typed: ExampleRun, stages: list[ExampleProgram]
) -> None:
    try:
        codes = typed.codes()
    except subprocess.TimeoutExpired:
        pytest.fail(f"{example.line}\ndoes not end; {typed.output[-1500:]}{WHAT_TO_DO}")
    for stage, code in zip(stages, codes, strict=True):
        is_ours = stage.arguments[0] == NAME
        name = called_command(main, stage.arguments[1:])[0] if is_ours else ""
        assert code in EXITS.get(name, {0}), (
            f"{example.line}\nended with {code}; {typed.output[-1500:]}{WHAT_TO_DO}"
        )
    assert "Traceback" not in typed.output, f"{example.line}\n{typed.output}"


def _ends_in_order(
    example: Example, typed: ExampleRun, runs_on: RunsOn, environ: dict[str, str]
) -> None:
    with _readiness(runs_on, environ) as ready:
        is_up = typed.await_ready(ready)

    typed.stop()
    codes = typed.codes()

    assert is_up, f"{example.line}\nis not up; {typed.output[-1500:]}{WHAT_TO_DO}"
    assert codes == [runs_on.code], f"{example.line}\n{typed.output[-1500:]}"
    assert "Traceback" not in typed.output, f"{example.line}\n{typed.output}"


@contextmanager
def _readiness(
    runs_on: RunsOn, environ: dict[str, str]
) -> Iterator[Callable[[str], bool]]:
    """Give what says from the output so far whether a command is up."""
    if runs_on.said:
        yield lambda said: runs_on.said in said
        return
    kafka = environ["KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS"]
    app = environ["KLAVIYO_STREAMS_APP_ID"]
    with closing(Group(admin(kafka), kafka, f"{app}.deliver.lists", [])) as group:
        yield lambda _: bool(group.members)
