"""The fault matrix, Kafka: a broker of three killed and back, all of them restarted.

Three brokers of their own, every topic on all three, an acknowledged record on two. The
long form, `KLAVIYO_STREAMS_TESTS_LONG=1 pytest tests/journeys/test_matrix_*.py`, kills
each broker in turn, restarts them one by one too, and has a larger load.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from agents.demo.workload.generator import WorkloadShape
from streams.events.canonical_event import Origin
from tests.brokers import choice
from tests.brokers.interface import Stoppable, await_in_sync
from tests.journeys.conftest import QUICK, Say
from tests.journeys.harness import LONG, SHORTEST_SESSION_S, Pipeline
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.shop_day import ShopDay, dead_letter_reasons

WITHIN_S = 900.0 if LONG else 240.0

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(4 * WITHIN_S),
]

BROKERS = 3
KILLED = range(BROKERS) if LONG else range(1)
PART = 5_000 if LONG else 500
AWAY_S = 30.0 if LONG else 2.0
"""So long a killed broker is away, beside the seconds it takes to start."""

SHAPE = WorkloadShape(
    events=60 * PART,
    users=4 * PART,
    audiences=("vip", "cart"),
    other=0.5,
    orders=0.3,
    consents=0.02,
)


@pytest.fixture(scope="module")
def brokers() -> Iterator[Stoppable]:
    """Three brokers for all of this module."""
    chosen = choice.choose_private(brokers=BROKERS)
    if chosen.broker is None:
        pytest.skip(f"no brokers to stop and kill: {chosen}")
    with closing(chosen.broker) as broker:
        yield broker


@pytest.fixture(scope="module")
def day(
    brokers: Stoppable, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShopDay]:
    """A day that both tests go on with, and two workers."""
    home = tmp_path_factory.mktemp("brokers")
    with (
        closing(Klaviyo("--no-quotas", *QUICK)) as klaviyo,
        closing(
            Pipeline(brokers, klaviyo=klaviyo, prefix="matrix-brokers.", home=home)
        ) as pipeline,
    ):
        day = ShopDay(pipeline, SHAPE, seed=20_26)
        pipeline.run(
            workers=2,
            session_timeout_s=SHORTEST_SESSION_S,
            topic_replication_factor=BROKERS,
        )
        yield day
    pipeline.check_logs()


def test_a_broker_of_three_killed_and_back_loses_nothing(
    day: ShopDay, brokers: Stoppable, say: Say
) -> None:
    """Records go on while it is away, its part of the work with the others."""
    pipeline, origins = day.pipeline, list[Origin]()

    for node in KILLED:
        origins += day.publish(PART)
        await_in_sync(brokers.bootstrap)
        brokers.kill(node=node)
        origins += day.publish(PART)
        pipeline.watch(AWAY_S)
        pipeline.await_outcomes(origins, within_s=WITHIN_S)
        brokers.start(node=node)
        origins += day.publish(PART)
    pipeline.await_quiet(origins, within_s=WITHIN_S)

    _judge(day, origins, say)


def _one_by_one(day: ShopDay, brokers: Stoppable) -> list[Origin]:
    """As an upgrade of the cluster does it, under load."""
    origins: list[Origin] = []
    for node in range(BROKERS):
        origins += day.publish(PART)
        await_in_sync(brokers.bootstrap)
        brokers.restart(node=node)
    return origins


def _at_once(day: ShopDay, brokers: Stoppable) -> list[Origin]:
    """As a power cut does it: for a while there is no Kafka."""
    origins = day.publish(PART)
    for node in range(BROKERS):
        brokers.kill(node=node)
    day.pipeline.watch(AWAY_S)
    with ThreadPoolExecutor(BROKERS) as together:
        list(together.map(lambda node: brokers.start(node=node), range(BROKERS)))
    return origins


RESTARTS = {"at-once": _at_once, "one-by-one": _one_by_one}


@pytest.mark.parametrize("restart", RESTARTS if LONG else ["at-once"])
def test_all_brokers_restarted_lose_nothing(
    day: ShopDay, brokers: Stoppable, say: Say, restart: str
) -> None:
    """The workers wait for Kafka, and go on by themselves."""
    pipeline = day.pipeline

    origins = RESTARTS[restart](day, brokers)
    origins += day.publish(PART)
    pipeline.await_quiet(origins, within_s=WITHIN_S)

    _judge(day, origins, say)


def _judge(day: ShopDay, origins: list[Origin], say: Say) -> None:
    pipeline = day.pipeline
    codes = {name: worker.code for name, worker in pipeline.workers.items()}
    say(f"RSS of both workers {pipeline.rss_bytes >> 20} MiB")
    assert codes == dict.fromkeys(codes)
    assert dead_letter_reasons(pipeline, origins) == {}
    assert day.wrong() == []
