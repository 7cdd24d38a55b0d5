"""Klaviyo down for longer than anybody's patience: nothing drops, nobody rebalances."""

import json
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest

from agents.demo.workload.generator import WorkloadShape, compute_expected, generate
from tests.brokers.ports import free_ports
from tests.journeys.conftest import Say
from tests.journeys.harness import SHORTEST_SESSION_S, WITHIN_S, Pipeline
from tests.journeys.sample_events import members, records

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

OUTAGE_S = 15.0
"""Two and a half sessions."""

WINDOW_ITEMS = 500
POLLS_RECORDS = 3 * 2_000
"""Beside its window a lane holds the poll that fills it, one behind, and one read."""

GROWTH_MAX_BYTES = 96 << 20
"""For two workers of five lanes each, with nothing to do but to wait."""

SHAPE = WorkloadShape(events=25_000, users=20_000, audiences=("vip", "cart"))


def test_an_outage_neither_drops_nor_rebalances_and_memory_stays_bounded(
    pipeline: Pipeline, say: Say
) -> None:
    """The lanes stop fetching and stay members; then everything is delivered."""
    published = generate(SHAPE, seed=5)
    wanted = compute_expected(published, SHAPE.audiences)
    bounds = {"lane_max_pending_items": WINDOW_ITEMS, "batch_max_items": WINDOW_ITEMS}
    pipeline.run(workers=0, session_timeout_s=SHORTEST_SESSION_S, **bounds)
    ports = free_ports(2)
    for port in ports:
        pipeline.start(f"on-{port}", web_port=port)
    began, revocations = pipeline.await_members(2), _revocations(pipeline)
    pipeline.until(lambda: not any(_lists(port)["recovering"] for port in ports))
    pipeline.klaviyo.fail("server-error", status=503)

    origins = pipeline.publish(records(published))
    before_bytes = _rss(pipeline)
    most_bytes = _wait_out(pipeline)
    held_back = pipeline.groups["deliver.lists"].lag
    held = [_lists(port)["unfinished"] for port in ports]
    during = {name: group.members for name, group in pipeline.groups.items()}
    struck = pipeline.klaviyo.struck()
    pipeline.klaviyo.mend()
    pipeline.await_quiet(origins)

    say(
        f"{OUTAGE_S:.0f} s of 503 to {struck} requests, {held_back} list changes held "
        f"back, {held} of them by the workers; "
        f"RSS of both {before_bytes >> 20} -> {most_bytes >> 20} MiB"
    )
    ended = {name: group.members for name, group in pipeline.groups.items()}
    assert began == during == ended
    assert _revocations(pipeline) == revocations
    assert held_back > WINDOW_ITEMS + POLLS_RECORDS
    assert all(0 < count <= WINDOW_ITEMS + POLLS_RECORDS for count in held)
    assert most_bytes - before_bytes < GROWTH_MAX_BYTES
    assert pipeline.klaviyo.members() == members(wanted)


def _lists(port: int) -> dict[str, int]:
    """Return the lane's partitions and pending list changes from the health page."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)) as connection:
        connection.request("GET", "/healthz")
        answer = json.loads(connection.getresponse().read())
    counts: dict[str, int] = answer["readers"]["deliver.lists"]
    return counts


def _revocations(pipeline: Pipeline) -> int:
    return sum(
        len(one.events("partitions_revoked")) for one in pipeline.workers.values()
    )


def _rss(pipeline: Pipeline) -> int:
    return sum(worker.rss_bytes for worker in pipeline.workers.values())


def _wait_out(pipeline: Pipeline) -> int:
    """The most memory seen during the outage."""
    until_s = time.monotonic() + OUTAGE_S
    seen: list[int] = []

    def over() -> bool:
        seen.append(_rss(pipeline))
        held_back = pipeline.groups["deliver.lists"].lag
        is_full = held_back > WINDOW_ITEMS + POLLS_RECORDS
        return time.monotonic() > until_s and is_full

    pipeline.until(over)
    return max(seen)
