"""Reports about the condition of endpoints."""

import pytest

from streams.klaviyo.api.client import (
    EndpointCondition,
    EndpointMonitor,
    EndpointStatus,
)
from streams.klaviyo.api.results import (
    Accepted,
    AttemptResult,
    NotFound,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
)

_OK = Accepted(status=200)
_DOWN = Temporary(status=503, reason="http-503")
_BLOCKED = Temporary(status=403, reason="blocked-by-challenge", is_blocked=True)
_FAULT = OperatorFault(status=401, reason="unauthorized")
_BUSY = Throttled(status=429, retry_after_s=1)


@pytest.mark.parametrize(
    ("answers", "reported"),
    [
        pytest.param([_OK, _OK], [], id="all-well-says-nothing"),
        pytest.param([_DOWN, _DOWN, _OK], [], id="a-hiccup-is-no-outage"),
        pytest.param(
            [_DOWN, _DOWN, _DOWN, _DOWN, _OK, _OK],
            ["outage http-503", "open "],
            id="an-outage-is-reported-once",
        ),
        pytest.param([_DOWN, _DOWN, _OK, _DOWN, _DOWN], [], id="hiccups-do-not-add-up"),
        pytest.param(
            [_BLOCKED, _OK],
            ["outage blocked-by-challenge", "open "],
            id="a-challenge-is-reported-at-once",
        ),
        pytest.param(
            [_FAULT, _FAULT, NotFound(status=404)],
            ["fault unauthorized", "open "],
            id="a-fault-is-reported-at-once",
        ),
        pytest.param(
            [_FAULT, OperatorFault(status=403, reason="permission-denied")],
            ["fault unauthorized", "fault permission-denied"],
            id="another-fault-is-reported-again",
        ),
        pytest.param(
            [_FAULT, _BUSY, _DOWN, Rejected(status=400, reason="invalid")],
            ["fault unauthorized", "open "],
            id="only-a-settled-answer-ends-a-fault",
        ),
    ],
)
def test_changes_are_reported_once(
    answers: list[AttemptResult], reported: list[str]
) -> None:
    """Each change of condition or reason is reported once."""
    reported_statuses: list[EndpointStatus] = []
    watchman = EndpointMonitor(reported_statuses.append)

    for answer in answers:
        watchman.record_result("get_lists", answer)

    assert [
        f"{status.condition.value} {status.reason}" for status in reported_statuses
    ] == reported


def test_endpoints_have_separate_conditions() -> None:
    """Each endpoint has a separate condition, since a scope may be missing."""
    reported_statuses: list[EndpointStatus] = []
    watchman = EndpointMonitor(reported_statuses.append)

    watchman.record_result("create_list", _FAULT)
    watchman.record_result("get_lists", _OK)

    assert [(status.endpoint, status.condition) for status in reported_statuses] == [
        ("create_list", EndpointCondition.FAULT)
    ]
