"""Causes for which requests wait, and the fix that an operator is shown."""

import pytest

from streams.klaviyo.api.endpoints import CREATE_EVENTS
from streams.klaviyo.api.results import (
    Accepted,
    AttemptResult,
    NotFound,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
)
from streams.klaviyo.api.wait_causes import wait_of


@pytest.mark.parametrize(
    ("result", "cause", "fix"),
    [
        pytest.param(Throttled(retry_after_s=3), "quota", "", id="429"),
        pytest.param(Temporary(reason="http-503"), "klaviyo-down", "", id="503"),
        pytest.param(Temporary(reason="timeout"), "klaviyo-down", "", id="timeout"),
        pytest.param(
            Temporary(reason="blocked-by-challenge", is_blocked=True),
            *("blocked", "allow-list"),
            id="challenge-page",
        ),
        pytest.param(
            Temporary(reason="certificate-not-trusted"),
            *("connection", "klaviyo_ca_file"),
            id="certificate",
        ),
        pytest.param(
            OperatorFault(status=407, reason="proxy-unauthorized"),
            *("connection", "klaviyo_proxy"),
            id="proxy-credentials",
        ),
        pytest.param(
            OperatorFault(status=401, reason="unauthorized"),
            *("key", "klaviyo_api_key_file"),
            id="401",
        ),
        pytest.param(
            OperatorFault(status=402, reason="payment-required"),
            *("account", "bill"),
            id="402",
        ),
        pytest.param(
            OperatorFault(status=403, reason="permission-denied"),
            *("scope", "bulk_create_events needs: events:write"),
            id="403",
        ),
        pytest.param(
            OperatorFault(status=410, reason="revision-retired"),
            *("revision", "upgrade"),
            id="410",
        ),
        pytest.param(
            OperatorFault(status=400, reason="revision-refused"),
            *("revision", "upgrade"),
            id="400-revision",
        ),
        pytest.param(
            OperatorFault(status=301, reason="redirected"),
            *("request", "klaviyo_url"),
            id="redirect",
        ),
    ],
)
def test_a_result_that_is_sent_again_has_a_cause(
    result: AttemptResult, cause: str, fix: str
) -> None:
    """Only causes that end by themselves have no fix."""
    wait = wait_of(CREATE_EVENTS, result)

    assert wait is not None
    assert wait.cause == cause
    assert wait.endpoint == "bulk_create_events"
    assert fix in wait.fix
    assert bool(wait.fix) == (cause not in {"quota", "klaviyo-down"})


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(Accepted(status=202), id="accepted"),
        pytest.param(Rejected(status=400, reason="invalid"), id="rejected"),
        pytest.param(NotFound(status=404), id="not-found"),
    ],
)
def test_a_final_result_waits_for_nothing(result: AttemptResult) -> None:
    """After a final result the same request is not sent again."""
    assert wait_of(CREATE_EVENTS, result) is None
