"""Tests of `send` against the sandbox."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from streams.sandbox import Sandbox, SandboxConfig

KEY = "pk_" + "5ecret" * 5
EVENT = {"type": "track", "event": "Viewed", "userId": "u1", "messageId": "m1"}


def invoke(*lines: object, options: tuple[str, ...], key: str = KEY) -> Result:
    """Run the command on lines."""
    given = "".join(f"{json.dumps(line)}\n" for line in lines)
    environ = {"KLAVIYO_API_KEY": key}
    return CliRunner().invoke(main, ["send", *options], input=given, env=environ)


async def sent(
    klaviyo: Sandbox, *lines: object, options: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Send lines to a sandbox, and read the answers."""
    at = ("--klaviyo-url", klaviyo.url, *options)
    result = await asyncio.to_thread(invoke, *lines, options=at)
    assert result.exit_code == 0, result.output
    assert KEY not in result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_what_explain_says_is_done() -> None:
    """The requests that were sent, and how they ended; a bad line stops nothing."""
    async with Sandbox(SandboxConfig(quota_scale=None)) as klaviyo:
        answers = await sent(
            klaviyo,
            EVENT,
            {"type": "identify", "userId": "u1", "traits": {"first_name": "Jane"}},
            3,
            {
                "mode": "batch",
                "action": "removeProfileFromList",
                "mapping": {"list_id": "L1", "email": "nobody@example.com"},
                "events": [{}],
            },
        )
        profiles = klaviyo.account.profiles.by_external_id
        events = klaviyo.account.events.by_key

    assert [one["path"] for one in answers[0]["requests"]] == ["/api/events"]
    assert answers[0]["outcomes"][0]["verdict"] == "delivered"
    assert answers[2] == {"error": "not-an-object: the line is not a JSON object"}
    assert answers[3]["outcomes"][0]["reason"] == "no-such-profile"
    assert profiles["u1"].fields["first_name"] == "Jane"
    assert len(events) == 1


async def test_an_unknown_metric_is_a_dead_letter_where_the_file_says_so(
    tmp_path: Path,
) -> None:
    """Klaviyo is asked for the metrics it has."""
    file = tmp_path / "destination.yaml"
    file.write_text("settings: {unknown_metric: dead-letter}\n")
    async with Sandbox(SandboxConfig(quota_scale=None)) as klaviyo:
        (answers,) = await sent(klaviyo, EVENT, options=("--destination", str(file)))

    assert answers["requests"] == []
    assert answers["outcomes"][0]["verdict"] == "dead-letter"


@pytest.mark.parametrize(
    ("key", "options", "message"),
    [
        pytest.param("", (), "KLAVIYO_API_KEY: missing", id="no-key"),
        pytest.param(KEY, ("--klaviyo-url", "here"), "url", id="no-url"),
    ],
)
def test_what_is_missing_is_told_in_words(
    key: str, options: tuple[str, ...], message: str
) -> None:
    """Before anything is sent."""
    result = invoke(EVENT, options=options, key=key)

    assert result.exit_code == 1
    assert message in result.output.lower() or message in result.output
    assert "Traceback" not in result.output
