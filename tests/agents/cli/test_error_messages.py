"""Help of all commands, and error messages for wrong settings."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from agents.cli import COMMANDS, load_command, main
from tests.agents.cli.support.example_runner import ROOT
from tests.agents.cli.support.help_examples import (
    NAME,
    called_command,
    commands,
    has_option,
)

PRINT_MODULES = """
import sys
from agents.cli import main
main(["--version"], standalone_mode=False)
print(*sys.modules)
"""


def test_help_names_every_command() -> None:
    """The list a person sees first."""
    result = CliRunner().invoke(main, ["--help"])

    assert all(f"klaviyo-streams {name}" in result.output for name in COMMANDS)


@pytest.mark.parametrize("name", ["worker", "topics", "audiences"])
def test_wrong_settings_are_all_told_in_words(name: str) -> None:
    """Each with the variable it came from; no traceback, no key."""
    environ = {
        "KLAVIYO_API_KEY": "pk_5ecret",
        "KLAVIYO_STREAMS_TOPIC_PARTITIONS": "many",
        "KLAVIYO_STREAMS_KLAVIYO_URL": "here",
    }

    result = CliRunner().invoke(main, [name], env=environ)

    assert result.exit_code == 1
    assert "KLAVIYO_STREAMS_TOPIC_PARTITIONS" in result.output
    assert "KLAVIYO_STREAMS_KLAVIYO_URL" in result.output
    assert "Traceback" not in result.output
    assert "pk_5ecret" not in result.output


def test_a_worker_without_a_key_says_which_variable_to_set() -> None:
    """Before anything is connected."""
    result = CliRunner().invoke(main, ["worker"], env={"KLAVIYO_API_KEY": ""})

    assert result.exit_code == 1
    assert "KLAVIYO_API_KEY" in result.output


def test_a_kafka_that_is_not_there_is_told_in_words() -> None:
    """An operator sees which setting to mend, and no traceback."""
    environ = {"KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}

    result = CliRunner().invoke(main, ["topics"], env=environ)

    assert result.exit_code == 1
    assert "kafka_bootstrap_servers: no answer" in result.output


@pytest.mark.parametrize("name", [name for name, _ in commands(main)])
def test_the_readme_has_an_example_of_every_command(name: str) -> None:
    """Each command and subcommand stands in a block of `agents/cli/README.md`."""
    text = (ROOT / "agents" / "cli" / "README.md").read_text()
    command = load_command(name.split(maxsplit=1)[0])
    if isinstance(command, click.Group) and name == "deadletters":
        name = "deadletters list"  # the group alone prints its help

    assert f"klaviyo-streams {name}" in text


def test_the_readme_names_no_command_that_is_not_there() -> None:
    """Each line of `agents/cli/README.md` calls a command with options that it has."""
    text = (ROOT / "agents" / "cli" / "README.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith(f"{NAME} ")]

    for line in lines:
        arguments = tuple(line.split("<")[0].split()[1:])
        name, command = called_command(main, arguments)
        options = [argument for argument in arguments if argument.startswith("--")]
        assert name, line
        assert all(has_option(command, option) for option in options), line


def test_a_command_imports_no_other_command() -> None:
    """`--version` and a command load what they use: starting costs what is needed."""
    completed = subprocess.run(  # noqa: S603 - our own program, no shell
        [sys.executable, "-c", PRINT_MODULES], stdout=subprocess.PIPE, check=True
    )
    loaded = completed.stdout.decode().split()

    assert "agents.cli" in loaded
    assert not {"faust", "aiokafka", "confluent_kafka", "aiohttp", "rich"} & {*loaded}
