"""Readiness of a worker: the reasons against it, and lanes that wait."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from agents.lanes.lane import LaneStatus
from agents.monitoring.health import ANSWER_MAX_MS, SILENT_MAX_S, Health
from agents.shared.context import clock_ms
from streams.klaviyo.api.endpoints import CREATE_EVENTS
from streams.klaviyo.api.results import OperatorFault
from streams.klaviyo.api.wait_causes import wait_of
from streams.settings.model import LaneId
from tests.support.worker_fakes import partition

LOOP_S = 1_000.0


def _reader(name: str, **fields: object) -> Any:  # noqa: ANN401 - stands for a reader
    parts = {part.tp: part for part in (partition("t", 0), partition("t", 1))}
    healthy: dict[str, Any] = {
        "options": SimpleNamespace(name=name),
        "partitions": parts,
        "has_joined": True,
        "polled_at_s": LOOP_S,
        "waiting_for_stage": False,
    }
    return SimpleNamespace(**healthy | fields)


def _health(
    *readers: object, silent_ms: int | None = 0, lanes: Sequence[Any] = ()
) -> Health:
    loop = SimpleNamespace(time=lambda: LOOP_S)
    app: Any = SimpleNamespace(readers=readers, loop=loop)
    answered_ms = 0 if silent_ms is None else clock_ms() - silent_ms
    lags: Any = SimpleNamespace(answered_ms=answered_ms)
    return Health(app, lags=lags, lanes=lanes)


def test_a_worker_that_reads_is_ready() -> None:
    """All readers poll, Kafka answers, and the table is recovered."""
    health = _health(_reader("intake"), _reader("activate"))

    assert health.readiness() == {"ready": True, "reasons": [], "waiting": []}
    assert health.reading()["readers"]["intake"] == {
        "partitions": 2,
        "recovering": 0,
        "unfinished": 0,
    }


def _recovering() -> Any:  # noqa: ANN401 - stands for a reader
    reader = _reader("activate")
    next(iter(reader.partitions.values())).ready = False
    return reader


@pytest.mark.parametrize(
    ("reader", "silent_ms", "code", "detail"),
    [
        pytest.param(
            _reader("intake", has_joined=False),
            *(0, "starting", "intake has not joined"),
            id="not-joined",
        ),
        pytest.param(
            _reader("intake", polled_at_s=LOOP_S - SILENT_MAX_S - 1),
            *(0, "not-reading", "intake has not polled"),
            id="silent",
        ),
        pytest.param(
            _recovering(), 0, "recovering", "partitions 0 is", id="table-recovering"
        ),
        pytest.param(
            _reader("intake"),
            *(ANSWER_MAX_MS + 2_000, "kafka-unreachable", "for 3"),
            id="kafka-away",
        ),
        pytest.param(
            _reader("intake"),
            *(None, "kafka-unreachable", "yet"),
            id="kafka-never-answered",
        ),
    ],
)
def test_a_worker_that_cannot_work_says_why(
    reader: object, silent_ms: int | None, code: str, detail: str
) -> None:
    """Each reason has a code, a detail and a fix."""
    body = _health(reader, silent_ms=silent_ms).readiness()

    assert not body["ready"]
    assert [reason["code"] for reason in body["reasons"]] == [code]
    assert detail in body["reasons"][0]["detail"]
    assert body["reasons"][0]["fix"]


def test_a_lane_that_waits_for_an_operator_is_ready_and_names_the_fix() -> None:
    """A restart would not help, so the worker stays ready."""
    fault = OperatorFault(status=403, reason="permission-denied")
    wait = wait_of(CREATE_EVENTS, fault)
    assert wait is not None
    status = LaneStatus(
        lane=LaneId.EVENTS,
        items=1,
        items_max=9,
        bytes=1,
        bytes_max=9,
        waits={wait.cause: wait},
        imports_ms=(),
    )
    recovering = _reader("deliver.events")
    next(iter(recovering.partitions.values())).ready = False

    body = _health(recovering, lanes=[SimpleNamespace(status=status)]).readiness()

    assert body["ready"]
    assert [(row["lane"], row["cause"]) for row in body["waiting"]] == [
        ("events", "scope")
    ]
    assert "events:write" in body["waiting"][0]["fix"]
