"""Commands against a Kafka or a Klaviyo that does not serve them, on real sockets."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from agents.admin import kafka_contact
from agents.admin.kafka_contact import KAFKA_CONTACT_S
from agents.cli import main
from agents.shared.embedded_broker import EmbeddedBroker
from streams.klaviyo.api import fail_fast
from streams.klaviyo.api.fail_fast import KLAVIYO_CONTACT_S
from tests.agents.cli.support.broken_servers import (
    bootstrap_of,
    closed_port,
    refusing_kafka,
    silent_server,
)
from tests.journeys.klaviyo import Klaviyo

LIMIT_S = 10.0
"""A command that cannot do its work ends within so many seconds."""

QUICK_S = 0.6
"""Wait for a first contact in these tests."""

HANG_S = 60
"""Generous limit of a process; a command that waits forever is longer."""

KEY, PASSWORD = "pk_5ecret", "pa55word"
EVENT = '{"type":"track","event":"Viewed","userId":"u1","properties":{}}\n'
MEMBERSHIPS = Path(__file__).parent / "folder" / "memberships.jsonl"

KAFKA_COMMANDS = {
    "topics": "topics",
    "audiences": "audiences",
    "audiences-export": "audiences export -",
    "audiences-import": f"audiences import {MEMBERSHIPS}",
    "audiences-import-apply": f"audiences import {MEMBERSHIPS} --apply",
    "deadletters-list": "deadletters list",
    "deadletters-show": "deadletters show 3/17",
    "deadletters-requeue": "deadletters requeue --reason list-gone --apply",
    "deadletters-discard": "deadletters discard --at 3/17 --apply",
    "replay-count": "replay --since 2026-11-01",
    "replay-apply": "replay --since 2026-11-01 --apply",
    "replay-list": "replay --list",
    "replay-resume": "replay --resume r1",
    "replay-stop": "replay --stop r1",
    "reconcile": "reconcile",
    "sources-inspect": "sources inspect segment-events",
    "sources-inspect-json": "sources inspect segment-events --json --samples 1",
}
"""Every way to call a command that needs Kafka, but the worker."""

KAFKA_FAULTS = {
    "refused": "kafka_bootstrap_servers: no answer from {address}",
    "silent": "kafka_bootstrap_servers: no answer from {address}",
    "credentials": "kafka_bootstrap_servers: {address} refuses the credentials",
    "elsewhere": "kafka_bootstrap_servers: {address} answers, but no broker does at ",
}
"""What the line says, by fault."""

KLAVIYO_FAULTS = {
    "refused": "cannot-connect; check the setting klaviyo_url",
    "silent": "timeout; check the setting klaviyo_url",
    "unauthorized": "unauthorized; Klaviyo does not know the API key",
    "forbidden": "permission-denied; the API key lacks one of these scopes: ",
    "challenge": "blocked-by-challenge; Klaviyo blocks this IP address",
}


@pytest.fixture(scope="module")
def addresses() -> Iterator[Mapping[str, str]]:
    """Address of a server for each fault of a connection."""
    with ExitStack() as stack:
        yield {
            "refused": stack.enter_context(closed_port()),
            "silent": stack.enter_context(silent_server()),
            "credentials": stack.enter_context(refusing_kafka()),
            "elsewhere": stack.enter_context(
                bootstrap_of(stack.enter_context(closed_port()))
            ),
        }


@pytest.fixture(scope="module")
def klaviyo() -> Iterator[Klaviyo]:
    """Sandbox in a process of its own."""
    with closing(Klaviyo("--no-quotas")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """Address of a broker that works."""
    with closing(EmbeddedBroker()) as broker:
        broker.start()
        yield broker.bootstrap


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait for a first contact."""
    monkeypatch.setattr(kafka_contact, "KAFKA_CONTACT_S", QUICK_S)
    monkeypatch.setattr(fail_fast, "KLAVIYO_CONTACT_S", QUICK_S)


def kafka_environ(address: str, fault: str = "") -> dict[str, str]:
    """Return the environment of a command for a Kafka."""
    environ = {
        "KLAVIYO_API_KEY": KEY,
        "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": address,
    }
    if fault == "credentials":
        environ |= {
            "KLAVIYO_STREAMS_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KLAVIYO_STREAMS_KAFKA_SASL_MECHANISM": "PLAIN",
            "KLAVIYO_STREAMS_KAFKA_SASL_USERNAME": "me",
            "KLAVIYO_STREAMS_KAFKA_SASL_PASSWORD": PASSWORD,
        }
    return environ


def error_lines(
    arguments: list[str], environ: Mapping[str, str], capfd: pytest.CaptureFixture[str]
) -> list[str]:
    """Run a command that must fail; return its lines and those of its libraries."""
    result = CliRunner().invoke(main, arguments, input=EVENT, env=dict(environ))
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    return [*result.stderr.splitlines(), *capfd.readouterr().err.splitlines()]


def assert_one_line(lines: list[str], *texts: str) -> None:
    """Check that there is one line, with these words and no secret."""
    assert len(lines) == 1, lines
    assert all(text in lines[0] for text in texts), lines
    assert KEY not in lines[0]
    assert PASSWORD not in lines[0]


def test_the_first_contacts_end_within_the_limit() -> None:
    """Kafka and Klaviyo together leave a second for the command itself."""
    assert KAFKA_CONTACT_S + KLAVIYO_CONTACT_S <= LIMIT_S - 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", KAFKA_FAULTS)
@pytest.mark.parametrize("command", KAFKA_COMMANDS)
def test_a_kafka_that_does_not_serve_ends_a_command_with_one_line(
    command: str,
    fault: str,
    addresses: Mapping[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The line names the setting, the address and the fix."""
    address = addresses[fault]
    arguments = KAFKA_COMMANDS[command].split()

    lines = error_lines(arguments, kafka_environ(address, fault), capfd)

    assert_one_line(lines, KAFKA_FAULTS[fault].format(address=address), "; check ")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", KLAVIYO_FAULTS)
@pytest.mark.parametrize("command", ["send", "metrics", "reconcile"])
def test_a_klaviyo_that_does_not_serve_ends_a_command_with_one_line(  # noqa: PLR0913, PLR0917 - fixtures, by name
    command: str,
    fault: str,
    addresses: Mapping[str, str],
    klaviyo: Klaviyo,
    kafka: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The line names the URL, the fault and the fix."""
    url = f"http://{addresses[fault]}" if fault in addresses else klaviyo.url
    set_fault(klaviyo, fault)
    environ = kafka_environ(kafka) | {"KLAVIYO_STREAMS_KLAVIYO_URL": url}
    options = [] if command == "reconcile" else ["--klaviyo-url", url]

    lines = error_lines([command, *options], environ, capfd)

    assert_one_line(lines, f"Klaviyo at {url}: ", KLAVIYO_FAULTS[fault])


def set_fault(klaviyo: Klaviyo, fault: str) -> None:
    """Make the sandbox answer every request with a fault, if it has that fault."""
    klaviyo.ask("DELETE", "faults")
    if fault not in ("refused", "silent"):
        klaviyo.fail(fault)


@pytest.mark.parametrize("fault", ["refused", "silent"])
@pytest.mark.parametrize("command", ["replay --list", "send"])
def test_a_process_ends_with_one_line(
    command: str, fault: str, addresses: Mapping[str, str]
) -> None:
    """With the real limits, and with what libraries write when the process ends."""
    options = (
        [] if command != "send" else ["--klaviyo-url", f"http://{addresses[fault]}"]
    )
    ended = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, "-m", "agents.cli", *command.split(), *options],
        env=os.environ | kafka_environ(addresses[fault]),
        input=EVENT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )

    assert ended.returncode == 1
    assert_one_line(ended.stderr.splitlines(), addresses[fault], "check ")
