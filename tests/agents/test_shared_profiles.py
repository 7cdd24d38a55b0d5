"""Users who share an address are one profile: it leaves a list with the last of them.

`KLAVIYO_STREAMS_TEST_EXAMPLES` sets the number of examples.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.destination.loader import compile_destination
from streams.settings.model import LaneId
from tests.streams.klaviyo.fakes import START_S
from tests.streams.klaviyo.profile_builders import new_list
from tests.support.in_process import (
    NEVER,
    InProcessClient,
    InProcessPipeline,
    skipping_sandbox,
)
from tests.support.worker_fakes import run

EXAMPLES = int(os.environ.get("KLAVIYO_STREAMS_TEST_EXAMPLES", "25"))
USERS = ("ada", "bob", "eve")
SHARED = "home@example.com"
ENTERED, EXITED = "Audience Entered", "Audience Exited"
START_MS = int(START_S * 1000) - 3_600_000

Event = dict[str, Any]

pytestmark = pytest.mark.usefixtures("few_ticks", "quiet_logs")


class Step(NamedTuple):
    """Work on one partition, by a worker that may be killed before it commits.

    Attributes:
        lane: Whether it delivers, rather than activates.
        at: Number that selects the partition among those with records.
        batch: Number of records.
        writes: Requests, or records that activate writes, until the worker is killed.
        entries: Entries that activate writes until the worker is killed.
    """

    lane: bool
    at: int
    batch: int
    writes: int
    entries: int


class Ending(NamedTuple):
    """All that is left when everything is settled.

    Attributes:
        members: Addresses on the audience's list.
        reasons: Reasons of the outcomes of activate.
        requests: Changes of the list that Klaviyo was asked for.
    """

    members: set[str]
    reasons: list[str]


def moved(event: str, user: str, number: int, email: str = SHARED) -> Event:
    """Return an audience event; a greater number happened later."""
    return {
        "type": "track",
        "event": event,
        "userId": user,
        "messageId": f"{user}-{number}",
        "timestamp": START_MS + number * 60_000,
        "properties": {"audience_key": "vip"},
        "context": {"traits": {"email": email}},
    }


def play(
    events: Sequence[Event], steps: Sequence[Step] = (), **identity: object
) -> Ending:
    """Run events in the order of arrival, then settle all that is left."""
    return run(_play(events, steps, {"shared_profiles": True, **identity}))


async def _play(
    events: Sequence[Event], steps: Sequence[Step], identity: dict[str, object]
) -> Ending:
    klaviyo = skipping_sandbox()
    list_id = await new_list(InProcessClient(klaviyo.account))
    file = {"settings": {"identity": identity}, "audiences": {"vip": list_id}}
    pipeline = InProcessPipeline(klaviyo, compile_destination(file))
    await pipeline.publish(events)
    for step in steps:
        await _do(pipeline, step)
    await pipeline.settle_all([LaneId.LISTS])
    await pipeline.stop()
    assert pipeline.producer.to("t.deadletters") == []
    members = klaviyo.account.lists.by_id[list_id].members
    profiles = klaviyo.account.profiles
    return Ending(
        members={str(one.email) for one in profiles if one.id in members},
        reasons=[outcome.reason for outcome in pipeline.producer.outcomes()],
    )


async def _do(pipeline: InProcessPipeline, step: Step) -> None:
    if step.lane:
        keys = pipeline.keys_of(LaneId.LISTS)
    else:
        keys = list(dict.fromkeys(one.key or b"" for one in pipeline.backlog))
    if not keys:
        return
    key = keys[step.at % len(keys)]
    if step.lane:
        await pipeline.settle(LaneId.LISTS, key, step.batch, requests=step.writes)
    else:
        await pipeline.activate(
            step.batch, records=step.writes, entries=step.entries, key=key
        )


_LIVES = st.one_of(st.just(NEVER), st.integers(0, 6))
_STEPS = st.lists(
    st.builds(
        Step,
        lane=st.booleans(),
        at=st.integers(0, 5),
        batch=st.integers(1, 4),
        writes=_LIVES,
        entries=_LIVES,
    ),
    max_size=24,
)
_EVENTS = st.lists(
    st.tuples(st.sampled_from([ENTERED, EXITED]), st.sampled_from(USERS)), max_size=10
).flatmap(
    lambda pairs: st.permutations(
        [moved(event, user, number) for number, (event, user) in enumerate(pairs)]
    )
)


@given(events=_EVENTS, steps=_STEPS)
@settings(max_examples=EXAMPLES, derandomize=True, database=None)
def test_the_profile_is_on_the_list_while_one_user_is_inside(
    events: list[Event], steps: list[Step]
) -> None:
    """In any order of arrival, on any partitions, by workers that may be killed."""
    ending = play(events, steps)

    last: dict[str, str] = {}
    for event in sorted(events, key=lambda event: int(event["timestamp"])):
        last[event["userId"]] = event["event"]
    expected = {SHARED} if ENTERED in last.values() else set()
    assert ending.members == expected
