"""Examples under `deploy/examples` do what their texts say."""

import re
import shlex
from pathlib import Path

import duckdb
import orjson
import pytest
from click.testing import CliRunner

from agents.cli import main
from streams.destination.loader import read_destination
from tests.structure.source import ROOT

FOLDERS = sorted(path.parent for path in ROOT.glob("deploy/examples/*/README.md"))
EXAMPLES = [path for path in FOLDERS if (path / "expected.json").exists()]
"""Examples with events or raw records; a journey of its own has each of the others."""

IDS = [path.name for path in EXAMPLES]

SHELL_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands(example: Path) -> list[str]:
    """Return the command lines in an example's text."""
    text = (example / "README.md").read_text()
    return [line for block in SHELL_BLOCK.findall(text) for line in block.splitlines()]


def input_file(example: Path) -> Path:
    """Return the file with the events of an example, or with raw records."""
    records = example / "records.jsonl"
    return records if records.exists() else example / "events.jsonl"


def run(command: str) -> str:
    """Run one command line in this process; return what it prints."""
    line, _, input_path = command.partition(" < ")
    program, *arguments = shlex.split(line)
    assert program == "klaviyo-streams"
    text = Path(input_path).read_text() if input_path else None
    result = CliRunner().invoke(main, arguments, input=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def _set_up_warehouse(
    example: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Do what the text says of the database, with the files in another folder."""
    with duckdb.connect(folder / "warehouse.duckdb") as warehouse:
        warehouse.execute((example / "warehouse.sql").read_text())
    monkeypatch.setenv("WAREHOUSE_URL", f"duckdb:///{folder}/warehouse.duckdb")
    monkeypatch.setenv("KLAVIYO_STREAMS_DESTINATION", "destination.yaml")
    monkeypatch.setenv("KLAVIYO_STREAMS_DATA_DIR", str(folder / "data"))


def test_there_is_one_example_for_each_idea() -> None:
    """Ten ideas have an example, eight of them with their input and a result."""
    assert {path.name for path in FOLDERS} - {*IDS} == {
        "avro-registry",
        "debezium-postgres",
    }
    assert IDS == [
        "audiences",
        "consent",
        "dbt-model",
        "first-event",
        "orders",
        "rudderstack",
        "segment-mappings",
        "warehouse-table",
    ]
    for example in EXAMPLES:
        assert input_file(example).exists()
        assert (example / "expected.json").exists()


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_the_commands_of_an_example_run(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of the text ends with code 0, `explain` with a line per event."""
    monkeypatch.chdir(example)
    if (example / "warehouse.sql").exists():
        _set_up_warehouse(example, tmp_path, monkeypatch)
    printed = [(command, run(command)) for command in commands(example)]

    events = input_file(example).read_text().splitlines()
    explained = [output for command, output in printed if " explain " in command]
    assert [len(output.splitlines()) for output in explained] == [len(events)]
    for line in explained[0].splitlines():
        outcomes = orjson.loads(line)["outcomes"]
        assert "dead-letter" not in {outcome["verdict"] for outcome in outcomes}


def test_the_text_on_debezium_checks_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journey with Debezium runs the file; the text's command accepts it."""
    monkeypatch.chdir(ROOT / "deploy/examples/debezium-postgres")

    [output] = map(run, commands(Path()))

    assert "rows: new, updated of people" in output


def test_the_text_on_avro_checks_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journey with a registry runs the file; the text's command accepts it."""
    monkeypatch.chdir(ROOT / "deploy/examples/avro-registry")

    [output] = map(run, commands(Path()))

    assert "upsertProfile" in output


def test_the_connector_writes_the_topics_that_the_sources_read() -> None:
    """Prefix and tables of the connector are those of the destination file."""
    folder = ROOT / "deploy/examples/debezium-postgres"
    lines = (folder / "connector.properties").read_text().splitlines()
    options = dict(line.split("=", 1) for line in lines if line and line[0] != "#")
    sources = read_destination((folder / "destination.yaml").read_bytes()).sources

    tables = options["table.include.list"].split(",")
    topics = [topic for source in sources for topic in source.topics]
    assert topics == [f"{options['topic.prefix']}.{table}" for table in tables]
