"""Number of series, and the values of labels, however many users and audiences."""

import re

import pytest
from prometheus_client import generate_latest

from agents.shared.metrics.labels import (
    NONE,
    OTHER,
    REASONS_MAX,
    FirstValues,
    KnownValues,
    reason_code,
)
from agents.shared.metrics.registry import WorkerMetrics
from streams.delivery.outcome import outcome_item
from streams.delivery.verdict import dead_letter
from streams.events.canonical_event import Origin
from tests.support.stage_run import StageRun, audience_events
from tests.support.worker_fakes import run

ORIGIN = Origin(topic="source", partition=0, offset=0)


def _series(metrics: WorkerMetrics) -> int:
    return sum(len(metric.samples) for metric in metrics.registry.collect())


def _series_after(users: int, audiences: int) -> tuple[int, str]:
    async def scenario() -> WorkerMetrics:
        metrics = WorkerMetrics()
        await StageRun(metrics).process(audience_events(users, audiences))
        return metrics

    metrics = run(scenario())
    return _series(metrics), generate_latest(metrics.registry).decode()


def test_users_and_audiences_add_no_series() -> None:
    """10,000 users in 1,000 audiences have the series of one user, and no name."""
    few, _ = _series_after(1, 1)
    many, text = _series_after(10_000, 1_000)

    assert many == few
    assert not re.search(r"audience-|u-\d|m-\d|example", text)
    assert 'records_out_total{stage="deliver.lists"} 10000.0' in text


def test_values_that_come_with_data_are_folded() -> None:
    """Klaviyo's codes, and mappings and actions of older files, are bounded."""
    metrics = WorkerMetrics(mappings=["people"])
    codes = [f"{a}{b}" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnopqrst"]
    for code in codes:
        item = outcome_item(ORIGIN, dead_letter(f"{code}: text"))
        metrics.count_outcomes([item], action=code, mappings=[code])

    text = generate_latest(metrics.registry).decode()
    assert len(re.findall(r"^klaviyo_streams_outcomes_total", text, re.MULTILINE)) == (
        REASONS_MAX + 1
    )
    assert 'action="other",mapping="other"' in text


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        pytest.param("", NONE, id="no-reason"),
        pytest.param("stale", "stale", id="code"),
        pytest.param("expired: it waited too long", "expired", id="code-and-detail"),
        pytest.param("stale,unchanged", "stale", id="first-of-several"),
        pytest.param("http-503", "http-503", id="status"),
        pytest.param("profile-01h7zx9", OTHER, id="identifier-in-a-code"),
        pytest.param("id-1234567", OTHER, id="long-number"),
        pytest.param("ada@example.com", OTHER, id="address"),
    ],
)
def test_a_reason_becomes_a_code_without_identifiers(reason: str, code: str) -> None:
    """Codes are kebab case without long numbers; all else is folded."""
    assert reason_code(reason) == code


def test_known_values_stay_and_first_values_stay() -> None:
    """Both folds keep a bounded number of values."""
    known, first = KnownValues(["people"]), FirstValues(1)

    assert [known.fold(name) for name in ("people", "old", "")] == [
        *("people", OTHER, NONE)
    ]
    assert [first.fold(name) for name in ("a", "b", "a")] == ["a", OTHER, "a"]
