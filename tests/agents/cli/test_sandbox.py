"""The command that runs the sandbox."""

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from agents.cli.sandbox import accepted_keys, parse_switches, sandbox
from streams.sandbox import ALL_SCOPES
from streams.sandbox.switches import VALUES, Switches

_RUN = "from agents.cli.sandbox import sandbox; sandbox()"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_the_command_says_its_url_and_stops_cleanly(name: str) -> None:
    """The sandbox prints one line on start and exits with 0 on a signal."""
    with subprocess.Popen(  # noqa: S603  # our own command, no shell
        [sys.executable, "-c", _RUN, "--port", "0", "--no-quotas"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()

        process.send_signal(signal.Signals[name])
        rest, errors = process.stdout.read(), process.stderr.read()

    assert line.startswith("Klaviyo sandbox on http://127.0.0.1:")
    assert (process.returncode, rest, errors) == (0, "", "")


def test_help_shows_examples() -> None:
    """Lines that can be pasted."""
    result = CliRunner().invoke(sandbox, ["--help"])

    assert result.exit_code == 0
    assert "klaviyo-streams sandbox --no-quotas --job-seconds 0.1" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--quota-scale", "0"], id="no-quota-at-all"),
        pytest.param(["--job-seconds", "-1"], id="negative-duration"),
        pytest.param(["--api-key-file", "missing.txt"], id="no-such-file"),
    ],
)
def test_a_wrong_option_is_refused(arguments: list[str]) -> None:
    """Before anything is bound."""
    assert CliRunner().invoke(sandbox, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("listed", "lines", "keys"),
    [
        pytest.param("", [], None, id="none-named-any-accepted"),
        pytest.param(
            "a, b", [], {"a": ALL_SCOPES, "b": ALL_SCOPES}, id="from-the-environment"
        ),
        pytest.param(
            "",
            ["a", "", "b lists:read,profiles:read"],
            {"a": ALL_SCOPES, "b": frozenset({"lists:read", "profiles:read"})},
            id="from-a-file-with-scopes",
        ),
    ],
)
def test_which_keys_are_accepted(
    listed: str, lines: list[str], keys: dict[str, frozenset[str]] | None
) -> None:
    """Any key unless some are named."""
    assert accepted_keys(listed, lines=lines) == keys


def test_switches_change_the_named_behaviour_alone() -> None:
    """Each option sets one switch; the others keep their defaults."""
    switches = parse_switches(["taken_phone=keep", "merge_status=201"])

    assert switches == Switches(taken_phone="keep", merge_status="201")


@pytest.mark.parametrize("name", VALUES)
def test_help_names_every_switch_with_its_values(name: str) -> None:
    """Without a running sandbox."""
    result = CliRunner().invoke(sandbox, ["--help"])

    assert f"{name}={'|'.join(VALUES[name])}\n" in result.output


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        pytest.param("phone=keep", "Switches: anonymous_id, ", id="unknown-name"),
        pytest.param("taken_phone=no", "one of rewrite, keep, new", id="unknown-value"),
        pytest.param("taken_phone", "one of rewrite, keep, new", id="no-value"),
    ],
)
def test_a_wrong_switch_is_refused_with_what_is_allowed(
    assignment: str, message: str
) -> None:
    """Before anything is bound."""
    result = CliRunner().invoke(sandbox, ["--switch", assignment])

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
