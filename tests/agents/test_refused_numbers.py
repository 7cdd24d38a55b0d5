"""A number that Klaviyo refuses for SMS costs no e-mail consent, on any path."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import orjson
import pytest

from agents.cli.support.event_tester import parse_request, plan_steps
from streams.actions.intents import Channel
from streams.klaviyo.execute import execute
from streams.sandbox import Sandbox
from streams.sandbox.switches import Switches
from streams.settings.model import LaneId
from tests.cases.faults import REFUSED_NUMBERS, FaultyEvent
from tests.streams.klaviyo.accounts import consent_statuses
from tests.support.in_process import (
    InProcessClient,
    InProcessPipeline,
    skipping_sandbox,
)
from tests.support.worker_fakes import presets, run

Refusal = Literal["request", "channel"]
Path = Callable[[Sandbox, bytes], Awaitable[list[str]]]
"""Sends an event to a sandbox, and returns the reasons of what was left out."""

SETTLED_S = 30.0


async def _worker(klaviyo: Sandbox, value: bytes) -> list[str]:
    pipeline = InProcessPipeline(klaviyo, presets())
    await pipeline.publish([orjson.loads(value)])
    await pipeline.settle_all([LaneId.CONSENT])
    await pipeline.stop()
    assert pipeline.producer.to("t.deadletters") == []
    return [outcome.reason for outcome in pipeline.producer.outcomes()]


async def _tester(klaviyo: Sandbox, value: bytes) -> list[str]:
    """Send what `explain` shows, as the command `send` does."""
    steps = plan_steps(parse_request(value, presets()))
    client = InProcessClient(klaviyo.account)
    intents = [intent for step in steps for intent in step.intents]
    verdicts = await execute(client, intents)
    await client.jobs.close()
    assert {verdict.verdict for verdict in verdicts} == {"delivered"}
    return [verdict.reason for verdict in verdicts]


async def _consents(
    path: Path, value: bytes, refusal: Refusal
) -> tuple[dict[str, str], list[str]]:
    klaviyo = skipping_sandbox(
        sms_prefixes=("+1",), switches=Switches(sms_refusal=refusal)
    )
    reasons = await path(klaviyo, value)
    await asyncio.sleep(SETTLED_S)  # time is skipped
    klaviyo.account.apply_due()
    return consent_statuses(klaviyo, "a@b.co"), reasons


@pytest.mark.parametrize("refusal", ["request", "channel"])
@pytest.mark.parametrize(
    "path", [pytest.param(_worker, id="worker"), pytest.param(_tester, id="explain")]
)
@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id) for case in REFUSED_NUMBERS]
)
def test_the_consent_to_email_arrives(
    case: FaultyEvent, path: Path, refusal: Refusal
) -> None:
    """The outcome names the channel that was left out, where Klaviyo says so."""
    consents, reasons = run(_consents(path, case.value, refusal))

    assert consents == {Channel.EMAIL: "SUBSCRIBED"}
    lost = [reason for reason in reasons if reason.startswith("dropped: sms.marketing")]
    assert len(lost) == (refusal == "request")
