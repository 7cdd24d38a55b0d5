"""Examples under `deploy/examples` do what their texts say."""

import re
import shlex
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from agents.cli import main
from tests.structure.source import ROOT

EXAMPLES = sorted(path.parent for path in ROOT.glob("deploy/examples/*/README.md"))
IDS = [path.name for path in EXAMPLES]

SHELL_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands(example: Path) -> list[str]:
    """Return the command lines in an example's text."""
    text = (example / "README.md").read_text()
    return [line for block in SHELL_BLOCK.findall(text) for line in block.splitlines()]


def run(command: str) -> str:
    """Run one command line in this process; return what it prints."""
    line, _, input_path = command.partition(" < ")
    program, *arguments = shlex.split(line)
    assert program == "klaviyo-streams"
    text = Path(input_path).read_text() if input_path else None
    result = CliRunner().invoke(main, arguments, input=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_there_is_one_example_for_each_idea() -> None:
    """Five ideas have an example, each with events and a result."""
    assert IDS == ["audiences", "consent", "first-event", "orders", "segment-mappings"]
    for example in EXAMPLES:
        assert {"events.jsonl", "expected.json"} <= {p.name for p in example.iterdir()}


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_the_commands_of_an_example_run(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of the text ends with code 0, `explain` with a line per event."""
    monkeypatch.chdir(example)
    printed = [(command, run(command)) for command in commands(example)]

    events = (example / "events.jsonl").read_text().splitlines()
    explained = [output for command, output in printed if " explain " in command]
    assert [len(output.splitlines()) for output in explained] == [len(events)]
    for line in explained[0].splitlines():
        outcomes = orjson.loads(line)["outcomes"]
        assert "dead-letter" not in {outcome["verdict"] for outcome in outcomes}
