"""Users who share an address are one profile: it leaves a list with the last of them.

`KLAVIYO_STREAMS_TEST_EXAMPLES` sets the number of examples.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.destination.loader import compile_destination
from streams.errors import ConfigError
from streams.settings.model import LaneId
from tests.streams.klaviyo.profile_builders import new_list
from tests.support.in_process import (
    NEVER,
    InProcessClient,
    InProcessPipeline,
    skipping_sandbox,
)
from tests.support.shared_people import (
    ENTERED,
    EXITED,
    OTHER,
    SHARED,
    Event,
    identified,
    moved,
)
from tests.support.worker_fakes import run

EXAMPLES = int(os.environ.get("KLAVIYO_STREAMS_TEST_EXAMPLES", "25"))
LANES = (LaneId.PRIVACY, LaneId.PROFILES, LaneId.LISTS)
USERS = ("ada", "bob", "eve")
OWN = ("ada@example.com", "bob@example.com")

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
        reasons: Reasons of outcomes, by message id.
        entries: Entries of the table, by key.
    """

    members: set[str]
    reasons: dict[str, str]
    entries: dict[bytes, bytes]


def play(
    events: Sequence[Event],
    steps: Sequence[Step] = (),
    *,
    one_by_one: bool = False,
    **identity: object,
) -> Ending:
    """Run events in the order of arrival, and settle all that is left.

    Args:
        events: Bodies of the events.
        steps: Work before all is settled.
        one_by_one: Whether each event is settled before the next one comes.
        identity: Settings of identities.
    """
    rules = {"shared_profiles": True, **identity}
    return run(_play(events, steps, rules, one_by_one))


async def _play(
    events: Sequence[Event],
    steps: Sequence[Step],
    identity: dict[str, object],
    one_by_one: bool,
) -> Ending:
    klaviyo = skipping_sandbox()
    list_id = await new_list(InProcessClient(klaviyo.account))
    file = {"settings": {"identity": identity}, "audiences": {"vip": list_id}}
    pipeline = InProcessPipeline(klaviyo, compile_destination(file))
    for batch in [[event] for event in events] if one_by_one else [events]:
        await pipeline.publish(batch)
        for step in steps:
            await _do(pipeline, step)
        await pipeline.settle_all(LANES)
    await pipeline.stop()
    assert pipeline.producer.to("t.deadletters") == []
    members = klaviyo.account.lists.by_id[list_id].members
    profiles = klaviyo.account.profiles
    return Ending(
        members={str(one.email) for one in profiles if one.id in members},
        reasons={one.message_id: one.reason for one in pipeline.producer.outcomes()},
        entries=_entries(pipeline.changelog),
    )


def _entries(changelog: Sequence[tuple[bytes, bytes | None]]) -> dict[bytes, bytes]:
    latest = dict(changelog)
    return {key: entry for key, entry in latest.items() if entry is not None}


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


_MOVES = st.lists(
    st.tuples(
        st.sampled_from([ENTERED, EXITED, OTHER, SHARED, *OWN]),
        st.sampled_from(USERS),
        st.booleans(),
    ),
    max_size=9,
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


@given(moves=_MOVES, steps=_STEPS, one_by_one=st.booleans())
@settings(max_examples=EXAMPLES, derandomize=True, database=None)
def test_users_who_change_their_address_leave_by_the_new_one(
    moves: list[tuple[str, str, bool]], steps: list[Step], *, one_by_one: bool
) -> None:
    """The list has the current addresses of the users inside, and no other.

    Not drawn is a user who leaves an address that another one has too: Klaviyo's
    profile goes along, with its lists, and the other one has none until the next event.
    """
    emails, inside = dict(zip(USERS, [SHARED, OTHER, SHARED], strict=True)), set[str]()
    events = [identified(user, at, emails[user]) for at, user in enumerate(USERS)]
    for what, user, is_named in moves:
        at, email = len(events), emails[user]
        if what in {ENTERED, EXITED}:
            inside = inside | {user} if what == ENTERED else inside - {user}
            events.append(moved(what, user, at, email if is_named else ""))
        elif [*emails.values()].count(email) == 1:
            emails[user] = what  # of one event alone an old browser may be the cause
            events += [identified(user, at, what), identified(user, at + 1, what)]

    ending = play(events, steps, one_by_one=one_by_one)

    assert ending.members == {emails[user] for user in inside}


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize("on_conflict", ["update", "merge"])
@pytest.mark.parametrize(
    ("events", "members"),
    [
        pytest.param(
            [
                moved(ENTERED, "ada", 1),
                moved(ENTERED, "bob", 2),
                moved(EXITED, "ada", 3),
            ],
            {SHARED},
            id="one-of-two-exits",
        ),
        pytest.param(
            [
                moved(ENTERED, "ada", 1),
                moved(ENTERED, "bob", 2),
                moved(EXITED, "ada", 3),
                moved(EXITED, "bob", 4),
            ],
            set(),
            id="both-exit",
        ),
        pytest.param(
            [
                moved(ENTERED, "ada", 1),
                moved(ENTERED, "bob", 2),
                moved(EXITED, "ada", 4),
                moved(EXITED, "bob", 3),
            ],
            set(),
            id="the-earlier-exit-comes-late",
        ),
        pytest.param(
            [
                identified("ada", 0, SHARED),
                moved(ENTERED, "ada", 1),
                moved(ENTERED, "bob", 2),
                identified("ada", 3, OTHER),
                moved(EXITED, "bob", 4),
            ],
            {OTHER},
            id="one-of-two-changes-the-address",
        ),
        pytest.param(
            [
                moved(ENTERED, "bob", 1, OTHER),
                identified("ada", 2, SHARED),
                moved(ENTERED, "ada", 3),
                identified("ada", 4, OTHER),
                moved(EXITED, "bob", 5, OTHER),
            ],
            {OTHER},
            id="a-user-comes-to-the-address-of-another",
        ),
        pytest.param(
            [
                moved(ENTERED, "bob", 1, OTHER),
                identified("ada", 2, SHARED),
                moved(ENTERED, "ada", 3),
                identified("ada", 4, OTHER),
                moved(EXITED, "ada", 5, ""),
            ],
            {OTHER},
            id="and-exits-before-the-other",
        ),
        pytest.param(
            [
                identified("ada", 1, SHARED),
                moved(ENTERED, "ada", 2),
                identified("ada", 4, OTHER),
                moved(EXITED, "ada", 3),
            ],
            set(),
            id="an-exit-from-before-the-change-comes-late",
        ),
        pytest.param(
            [
                moved(ENTERED, "ada", 1, ""),
                identified("ada", 2, SHARED),
                moved(ENTERED, "bob", 3),
                moved(EXITED, "bob", 4),
            ],
            {SHARED},
            id="one-entered-before-the-address-was-known",
        ),
        pytest.param(
            [
                moved(ENTERED, "ada", 1),
                moved(ENTERED, "bob", 2),
                {**identified("ada", 3, SHARED), "type": "delete"},
                moved(ENTERED, "bob", 4),
                moved(EXITED, "bob", 5),
            ],
            set(),
            id="the-other-user-was-deleted",
        ),
    ],
)
def test_who_is_on_the_list(
    events: list[Event], members: set[str], on_conflict: str, *, one_by_one: bool
) -> None:
    """With all events at once too, and with both treatments of conflicts."""
    ending = play(events, one_by_one=one_by_one, on_conflict=on_conflict)

    assert ending.members == members


def test_an_exit_while_another_user_is_inside_has_an_outcome() -> None:
    """Discarded, with the reason that others share the profile."""
    events = [moved(ENTERED, "ada", 1), moved(ENTERED, "bob", 2)]

    ending = play([*events, moved(EXITED, "ada", 3), moved(EXITED, "bob", 4)])

    assert ending.reasons["ada-3"] == "unchanged: shared"
    assert ending.reasons["bob-4"] == ""


@pytest.mark.parametrize("kills", [0, 1, 3])
def test_a_deletion_leaves_the_user_behind_no_edge(kills: int) -> None:
    """Nor does an edge of an address that an earlier entry had."""
    events = [
        moved(ENTERED, "ada", 1, OTHER),
        moved(EXITED, "ada", 2, OTHER),
        moved(ENTERED, "ada", 3),
        moved(ENTERED, "bob", 4),
        {**identified("ada", 5, SHARED), "type": "delete"},
    ]
    steps = [Step(lane=False, at=0, batch=9, writes=kills, entries=kills)] * 2

    before = play(events[:-1], one_by_one=True).entries
    after = play(events, steps if kills else (), one_by_one=True).entries

    assert [key for key in before if key.endswith(b"\0holder\0ada")]
    assert [key for key in after if b"\0holder\0" in key] == [
        key for key in before if key.endswith(b"\0holder\0bob")
    ]


def test_without_the_setting_the_first_exit_counts() -> None:
    """As in Segment, and no edge is written."""
    events = [moved(ENTERED, "ada", 1), moved(ENTERED, "bob", 2)]

    events.append(moved(EXITED, "ada", 3))
    ending = play(events, one_by_one=True, shared_profiles=False)

    assert ending.members == set()
    assert not any(b"\0holder\0" in key for key in ending.entries)


def test_users_are_counted_only_if_they_are_named_completely() -> None:
    """An exit by user id alone would name no address."""
    identity = {"shared_profiles": True, "complete": False}

    with pytest.raises(ConfigError, match="shared_profiles: true has no effect"):
        compile_destination({"settings": {"identity": identity}})
