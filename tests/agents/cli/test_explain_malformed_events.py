"""Answers of `explain` to an identify call without identifiers."""

from typing import Any

import orjson
import pytest

from agents.cli.support.event_tester import parse_request, plan_steps
from streams.delivery.verdict import Verdict
from tests.support.worker_fakes import presets

STRANGER = {"type": "identify", "anonymousId": "a1"}


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        pytest.param(STRANGER, Verdict.DISCARDED, id="as-a-worker-does"),
        pytest.param(
            {"action": "upsertProfile", "events": [STRANGER]},
            Verdict.DEAD_LETTER,
            id="as-what-is-tested",
        ),
    ],
)
def test_a_strangers_identify_is_passed_over_unless_it_is_tested(
    line: dict[str, Any], verdict: Verdict
) -> None:
    """An action under test reports that there is nothing to do."""
    request = parse_request(orjson.dumps(line), presets())

    [step] = plan_steps(request)

    assert step.verdict.verdict is verdict
    assert step.verdict.reason.startswith("no-identifier: ")
