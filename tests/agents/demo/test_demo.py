"""The demo as a user runs it: a process of its own, on the embedded broker."""

import os
import re
import signal
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from click.testing import CliRunner

from agents.cli import main
from tests.support.cli_server import CliProcess, spawn_cli

URL = re.compile(r"http://127\.0\.0\.1:[0-9]+")

ELSEWHERE = {
    "KLAVIYO_API_KEY": "an-account-that-is-no-demo",
    "KLAVIYO_STREAMS_KLAVIYO_URL": "http://127.0.0.1:9",
    "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "KLAVIYO_STREAMS_NO_SUCH_SETTING": "1",
}
"""A user's own settings, none of which may reach the demo."""

EQUALS = (
    "vip",
    "abandoned-cart",
    "(profiles updated)",
    "Checkout Started",
    "Order Completed",
    "Ordered Product",
    "User Subscribed",
    "User Unsubscribed",
    "email/marketing",
    "sms/marketing",
    "sms/transactional",
)
"""What is compared, at least."""


@contextmanager
def _running_demo(
    *options: str, home: Path, more: Mapping[str, str] | None = None
) -> Iterator[tuple[CliProcess, TextIO]]:
    """Yield a running demo and its output; leaving the block waits for its end."""
    environ = {**os.environ, **(more or {}), "CI": "true", "TMPDIR": str(home)}
    read_end, write_end = os.pipe()
    demo = spawn_cli("demo", *options, stdout=write_end, env=environ)
    os.close(write_end)
    with os.fdopen(read_end) as output:
        try:
            yield demo, output
            demo.wait()
        finally:
            demo.kill()


@pytest.mark.slow
def test_the_demo_ends_with_everything_equal_and_leaves_nothing(tmp_path: Path) -> None:
    """Exit code 0, plain text, no file left, and nobody's own settings used."""
    options = ("--events", "500")
    with _running_demo(*options, home=tmp_path, more=ELSEWHERE) as (process, output):
        printed = output.read()

    assert process.returncode == 0, printed
    for name in EQUALS:
        assert re.search(rf"{re.escape(name)} .* equal", printed), printed
    assert re.search(r"\d+ true changes of membership = \d+ sent", printed)
    assert "\x1b" not in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_demo_ends_its_processes_and_leaves_nothing(
    tmp_path: Path, name: str
) -> None:
    """Exit code 1; the sandbox no longer answers; the temporary directory is gone."""
    with _running_demo(home=tmp_path) as (process, output):
        for line in output:
            if "with an outcome" in line:
                break
        log = next(tmp_path.glob("klaviyo-streams-demo-*/sandbox.log"))
        found = URL.search(log.read_text())

        process.send_signal(signal.Signals[name])
        output.read()

    assert found is not None
    assert process.returncode == 1
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(found[0], timeout=5)  # noqa: S310 # our own server
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_demo_that_fails_says_why(tmp_path: Path) -> None:
    """A Kafka that is not there: exit code 1, its address, and where the logs are."""
    options = ("--kafka", "127.0.0.1:9")
    with _running_demo(*options, home=tmp_path) as (process, output):
        printed = output.read()

    assert process.returncode == 1
    assert "FAILED: no Kafka answers on 127.0.0.1:9" in printed
    (home,) = tmp_path.iterdir()
    assert f"is in {home}" in printed
    assert (home / "sandbox.log").exists()


def test_help_shows_examples() -> None:
    """Lines that can be pasted."""
    result = CliRunner().invoke(main, ["demo", "--help"])

    assert result.exit_code == 0
    assert "klaviyo-streams demo --kafka localhost:9092" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--events", "0"], id="no-events"),
        pytest.param(["--events", "20001"], id="more-than-the-broker-keeps"),
        pytest.param(["--seed", "one"], id="a-seed-that-is-no-number"),
    ],
)
def test_a_wrong_option_is_refused(arguments: list[str]) -> None:
    """Before anything is started."""
    assert CliRunner().invoke(main, ["demo", *arguments]).exit_code == 2
