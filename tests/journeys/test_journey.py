"""The journey: audience events on Kafka become the right list members in Klaviyo."""

import os
import random
import time
from dataclasses import replace

import pytest

from agents.demo.workload.generator import WorkloadShape, compute_expected, generate
from tests.journeys.conftest import Say
from tests.journeys.harness import SHORTEST_SESSION_S, Pipeline
from tests.journeys.sample_events import members, records
from tests.journeys.shop_day import differences, open_shop

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SHAPE = WorkloadShape(
    events=20_000,
    users=500,
    audiences=("vip", "cart", "lapsed", "new", "big"),
    duplicated=0.2,
    late=0.1,
)
SHOP = replace(SHAPE, orders=0.3, consents=0.1)
"""The same with orders, views and consents; a user changes consent twice at most."""

SEED_ENV = "KLAVIYO_STREAMS_TESTS_SEED"
"""Repeats the run that printed it."""

LISTS = "deliver.lists"


def test_final_lists_equal_the_truth_and_no_edge_is_sent_twice(
    pipeline: Pipeline, say: Say
) -> None:
    """Every true edge is sent once, or superseded, or has no profile to remove."""
    published = generate(SHAPE, seed=20_26)
    wanted = compute_expected(published, SHAPE.audiences)
    pipeline.run(workers=2)

    began_s = time.monotonic()
    origins = pipeline.publish(records(published))
    pipeline.await_quiet(origins)
    took_s = time.monotonic() - began_s

    counts = pipeline.outcomes.counts()
    fates: dict[str, int] = {}
    for (stage, _, verdict, reason), count in counts.items():
        if stage == LISTS:
            fates[reason or verdict] = fates.get(reason or verdict, 0) + count
    asked = pipeline.klaviyo.changes()
    sent = asked["adds"] + asked["removals"]
    say(
        f"{len(published)} records in {took_s:.1f} s; "
        f"{wanted.transitions} transitions = "
        f"{' + '.join(f'{n} {fate}' for fate, n in sorted(fates.items()))}; the "
        f"sandbox counts {asked['adds']} adds + {asked['removals']} removals = {sent}"
    )

    assert pipeline.klaviyo.members() == members(wanted)
    assert wanted.upserted <= pipeline.klaviyo.emails()
    assert set(fates) <= {"delivered", "superseded", "no-such-profile"}
    assert sum(fates.values()) == wanted.transitions
    assert fates["delivered"] == sent
    assert all(len(outcomes_) == 1 for outcomes_ in pipeline.outcomes.of.values())


def test_three_kills_under_load_lose_and_undo_nothing(
    pipeline: Pipeline, say: Say
) -> None:
    """`kill -9` at three random moments: every record an outcome, all as it must be.

    Lists, profiles, consents, and each event recorded once.
    """
    seed = int(os.environ.get(SEED_ENV) or time.time_ns() % 1_000_000)
    rng = random.Random(seed)  # noqa: S311 - when to kill, no secret
    published = generate(SHOP, seed=seed)
    wanted = compute_expected(published, SHOP.audiences)
    open_shop(pipeline.klaviyo, SHOP)
    moments = sorted(rng.uniform(0.02, 0.8) for _ in range(3))
    say(f"{SEED_ENV}={seed}")
    pipeline.run(workers=2, session_timeout_s=SHORTEST_SESSION_S)

    origins = pipeline.publish(records(published))
    for moment in moments:
        name = rng.choice(sorted(pipeline.workers))
        _await_share(pipeline, moment * len(published))
        pipeline.workers[name].kill()
        say(f"killed {name} at {len(pipeline.outcomes.of)} of {len(published)}")
        pipeline.start(name, session_timeout_s=SHORTEST_SESSION_S)
    pipeline.await_quiet(origins)

    assert differences(pipeline.klaviyo, wanted) == []
    assert pipeline.outcomes.missing(origins) == 0


def _await_share(pipeline: Pipeline, count: float) -> None:
    def met() -> bool:
        pipeline.outcomes.read()
        return len(pipeline.outcomes.of) >= count

    pipeline.until(met)
