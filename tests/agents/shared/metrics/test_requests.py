"""Counters of requests, and what a batch learns from its own."""

import pytest
from prometheus_client import generate_latest

from agents.shared.metrics.registry import WorkerMetrics
from agents.shared.metrics.requests import (
    BatchTrace,
    RequestMetrics,
    current_batch,
    retry_cause,
)
from streams.klaviyo.api.endpoints import GET_LISTS, IMPORT_PROFILES, Endpoint
from streams.klaviyo.api.results import (
    Accepted,
    Attempt,
    AttemptResult,
    OperatorFault,
    Temporary,
    Throttled,
)
from tests.support.worker_fakes import NOW_MS


def _attempt(
    result: AttemptResult, endpoint: Endpoint = IMPORT_PROFILES, **headers: str
) -> Attempt:
    return Attempt(
        endpoint=endpoint,
        result=result,
        headers=headers,
        limiter_wait_s=2.0,
        latency_s=0.2,
    )


def _text(*attempts: Attempt) -> str:
    metrics = WorkerMetrics()
    requests = RequestMetrics(metrics, lambda: NOW_MS)
    for attempt in attempts:
        requests(attempt)
    return generate_latest(metrics.registry).decode()


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        pytest.param(Accepted(status=202), "", id="accepted"),
        pytest.param(Throttled(retry_after_s=1), "throttled", id="429"),
        pytest.param(OperatorFault(status=401, reason="x"), "operator", id="401"),
        pytest.param(Temporary(status=503, reason="x"), "unavailable", id="503"),
        pytest.param(Temporary(reason="x"), "network", id="network"),
        pytest.param(
            Temporary(status=403, reason="x", is_blocked=True), "blocked", id="page"
        ),
    ],
)
def test_a_request_that_is_sent_again_has_a_cause(
    result: AttemptResult, cause: str
) -> None:
    """Causes are few, whatever the reason of the result says."""
    assert retry_cause(result) == cause


def test_requests_are_counted_by_status() -> None:
    """A request without a response has the status `none`; a challenge page counts."""
    page = Temporary(status=403, reason="blocked-by-challenge", is_blocked=True)
    text = _text(
        _attempt(Accepted(status=202)),
        _attempt(Temporary(reason="timeout")),
        _attempt(page),
    )

    prefix = 'klaviyo_streams_requests_total{endpoint="bulk_import_profiles",status='
    assert f'{prefix}"202"}} 1.0' in text
    assert f'{prefix}"none"}} 1.0' in text
    assert f'{prefix}"403"}} 1.0' in text
    assert "klaviyo_streams_blocked_responses_total 1.0" in text
    assert 'wait_seconds_total{endpoint="bulk_import_profiles"} 6.0' in text


@pytest.mark.parametrize(
    ("date", "line"),
    [
        pytest.param("Sun, 01 Mar 2026 10:00:20 GMT", "} 20.5", id="ahead"),
        pytest.param("Sun, 01 Mar 2026 09:59:50 GMT", "} -9.5", id="behind"),
        pytest.param("no date", "", id="no-date"),
    ],
)
def test_the_clock_of_klaviyo_is_compared(date: str, line: str) -> None:
    """The header Date has whole seconds: its time is half a second later."""
    text = _text(_attempt(Accepted(status=200), date=date))

    lines = [row for row in text.splitlines() if "clock_difference_seconds{" in row]
    assert [row.partition('peer="klaviyo"')[2] for row in lines] == [line] * bool(line)


def test_a_batch_knows_its_last_accepted_change_and_its_import_jobs() -> None:
    """A look-up accepts nothing, and a failure makes the batch wait."""
    trace, now_ms = BatchTrace(), iter(range(1, 9))
    requests = RequestMetrics(WorkerMetrics(), lambda: next(now_ms))
    token = current_batch.set(trace)
    requests(_attempt(Accepted(status=200), GET_LISTS))
    accepted = [trace.accepted_ms]
    requests(_attempt(Accepted(status=202)))
    requests(_attempt(Temporary(status=503, reason="http-503")))
    current_batch.reset(token)

    assert [*accepted, trace.accepted_ms, trace.imports_ms] == [0, 2, [2]]
    assert trace.wait is not None
    assert trace.wait.cause == "klaviyo-down"
