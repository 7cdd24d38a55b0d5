"""The fault matrix, what Klaviyo answers: each fault for a while, then the truth.

Two workers and one day of a shop, a part of it published under each fault. The long
form, `KLAVIYO_STREAMS_TESTS_LONG=1 pytest tests/journeys/test_matrix_*.py`, plays each
for minutes.
"""

from typing import Any, NamedTuple

import pytest

from agents.demo.workload.generator import WorkloadShape
from tests.journeys.conftest import Say
from tests.journeys.harness import LONG, SHORTEST_SESSION_S, Pipeline
from tests.journeys.shop_day import ShopDay, dead_letter_reasons

WITHIN_S = 900.0 if LONG else 240.0
"""Longer than the longest wait between two attempts, on a loaded machine."""

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(4 * WITHIN_S),
]

PART = 5_000 if LONG else 700
LASTS = 45 if LONG else 1
"""How many times longer than in the short form a fault lasts."""

GROWTH_MAX_BYTES = 96 << 20
"""For two workers, from their first second on: caches, connections, one window."""

SHAPE = WorkloadShape(
    events=30 * PART,
    users=4 * PART,
    audiences=("vip", "cart"),
    other=0.5,
    orders=0.3,
    consents=0.02,
)


class Row(NamedTuple):
    """Faults, how long they last in the short form, and the least they strike."""

    lasts_s: float
    strikes: int
    faults: tuple[dict[str, Any], ...]
    total: bool = True
    """Nothing gets through while they last."""


def _row(id_: str, row: Row) -> Any:  # noqa: ANN401 - pytest does not export its type
    return pytest.param(row, id=id_)


@pytest.fixture(scope="module")
def day(shared: Pipeline) -> ShopDay:
    """A day that every row goes on with."""
    day = ShopDay(shared, SHAPE, seed=20_26)
    shared.run(workers=2, session_timeout_s=SHORTEST_SESSION_S)
    return day


@pytest.mark.parametrize(
    "row",
    [
        _row(
            "answers-cut-after-acceptance",
            Row(4, 10, ({"kind": "cut", "probability": 0.3},), total=False),
        ),
        _row("503-for-minutes", Row(4, 10, ({"kind": "server-error", "status": 503},))),
        _row("429-storm", Row(4, 10, ({"kind": "throttled", "retry_after_s": 1},))),
        _row(
            "slow-answers-before-and-after-acceptance",
            Row(
                4,
                10,
                (
                    {"kind": "slow", "delay_s": 1.5, "probability": 0.5},
                    {"kind": "slow-answer", "delay_s": 1.5},
                ),
                total=False,
            ),
        ),
        _row("401-for-a-while", Row(3, 5, ({"kind": "unauthorized"},))),
        _row("html-403-for-a-while", Row(3, 5, ({"kind": "challenge"},))),
        _row(
            "import-jobs-cancelled",
            Row(3, 2, ({"kind": "job-cancelled", "count": 4},), total=False),
        ),
    ],
)
def test_a_fault_leaves_klaviyo_as_the_truth_says(
    day: ShopDay, say: Say, request: pytest.FixtureRequest, row: Row
) -> None:
    """Every record an outcome, no dead letter, nobody rebalances, memory is bounded."""
    pipeline = day.pipeline
    standing, before_bytes = pipeline.standing, pipeline.rss_bytes
    held = _held(pipeline)
    for fault in row.faults:
        pipeline.klaviyo.fail(**fault)

    origins = day.publish(PART)
    most_bytes = pipeline.watch(row.lasts_s * LASTS)
    pipeline.until(lambda: pipeline.klaviyo.struck() >= row.strikes)
    struck, unmoved = pipeline.klaviyo.struck(), _held(pipeline) == held
    pipeline.klaviyo.mend()
    pipeline.await_quiet(origins, within_s=WITHIN_S)

    most_bytes = max(most_bytes, pipeline.rss_bytes)
    say(
        f"{request.node.callspec.id}: {struck} requests struck; RSS of both workers "
        f"{before_bytes >> 20} -> {most_bytes >> 20} MiB"
    )
    assert dead_letter_reasons(pipeline, origins) == {}
    assert day.wrong() == []
    assert pipeline.standing == standing
    assert most_bytes - before_bytes < GROWTH_MAX_BYTES
    assert unmoved or not row.total


def _held(pipeline: Pipeline) -> list[int]:
    """Count the contents of Klaviyo."""
    state = pipeline.klaviyo.ask("GET", "state")
    return [state[name] for name in ("profiles", "members", "events")]
