"""One person is one profile, in any interleaving of events, lanes and killed workers.

`KLAVIYO_STREAMS_TEST_EXAMPLES` sets the number of examples of each test.
"""

import os
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import pytest
from hypothesis import given, settings

from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.switches import Switches
from tests.streams.klaviyo.profile_builders import new_list
from tests.support.in_process import (
    InProcessClient,
    InProcessPipeline,
    skipping_sandbox,
)
from tests.support.person_journeys import (
    NEW,
    OLD,
    TRAITS,
    USER,
    Event,
    Journey,
    Step,
    body_of,
    journeys,
    settled_moves,
    track,
)
from tests.support.worker_fakes import run

EXAMPLES = int(os.environ.get("KLAVIYO_STREAMS_TEST_EXAMPLES", "25"))


class Ending(NamedTuple):
    """All that is left when everything is settled.

    Attributes:
        profiles: Profiles of the account.
        members: Klaviyo's ids of the members of the audience's list.
        dead_letters: Number of dead letters.
    """

    profiles: list[StoredProfile]
    members: set[str]
    dead_letters: int


@cache
def _destination(on_conflict: str, list_id: str, *, is_shared: bool) -> Destination:
    identity = {"on_conflict": on_conflict, "shared_profiles": is_shared}
    rules = {"identity": identity}
    return compile_destination({"settings": rules, "audiences": {"vip": list_id}})


def play(journey: Journey, on_conflict: str, *, last: Sequence[Event] = ()) -> Ending:
    """Run a journey, and return what is left.

    Args:
        journey: The journey.
        on_conflict: Value of `identity.on_conflict`.
        last: Events that come when everything is settled.
    """
    return run(_play(journey, on_conflict, last))


async def _play(journey: Journey, on_conflict: str, last: Sequence[Event]) -> Ending:
    klaviyo = skipping_sandbox(switches=Switches(external_id_fold=journey.fold))
    list_id = await new_list(InProcessClient(klaviyo.account))
    destination = _destination(on_conflict, list_id, is_shared=journey.is_shared)
    pipeline = InProcessPipeline(klaviyo, destination)
    await pipeline.publish(journey.events, again=journey.again)
    for step in journey.steps:
        await _do(pipeline, step)
    await pipeline.settle_all(journey.order)
    await pipeline.publish(journey.later)
    for step in journey.later_steps:
        await _do(pipeline, step)
    await pipeline.settle_all(journey.order)
    await pipeline.publish(last)
    await pipeline.settle_all(journey.order)
    await pipeline.stop()
    account = klaviyo.account
    return Ending(
        profiles=list(account.profiles),
        members=set(account.lists.by_id[list_id].members),
        dead_letters=len(pipeline.producer.to("t.deadletters")),
    )


async def _do(pipeline: InProcessPipeline, step: Step) -> None:
    lane, key, batch, requests, entries = step
    if lane is None:
        await pipeline.activate(batch, records=requests, entries=entries)
    else:
        keys = pipeline.keys_of(lane)
        if keys:
            key_there = key.encode() if key.encode() in keys else keys[0]
            await pipeline.settle(lane, key_there, batch, requests=requests)


def last_values(journey: Journey) -> dict[str, str]:
    """Return the value that the last identify call by event time gave each trait."""
    values: dict[str, str] = {}
    for event in journey.in_time:
        values |= event.get("traits", {})
    return values


def written_by_email(journey: Journey) -> set[str]:
    """Return the traits whose last value came when the address was known."""
    values, names, is_known = last_values(journey), set(), False
    for event in journey.events:
        traits = event.get("traits", {})
        context = event.get("context", {}).get("traits", {})
        is_of_user = "userId" in event
        is_known = is_known or (is_of_user and "email" in {**traits, **context})
        if is_known:
            names |= {name for name in TRAITS if traits.get(name) == values.get(name)}
    return names & values.keys()


def is_inside(journey: Journey) -> bool:
    """Return True if the last audience event by event time is an entry."""
    names = [event["event"] for event in journey.in_time if "properties" in event]
    return names[-1:] == ["Audience Entered"]


def attributes(profile: StoredProfile) -> dict[str, object]:
    """Return the identifiers and traits that a profile has."""
    values = {
        "userId": profile.external_id,
        "email": profile.email,
        "phone": profile.phone_number,
        "firstName": profile.fields.get("first_name"),
        **{name: profile.properties.get(name) for name in ("plan", "size")},
    }
    return {name: value for name, value in values.items() if value is not None}


pytestmark = pytest.mark.usefixtures("few_ticks", "quiet_logs")


_deterministic = settings(max_examples=EXAMPLES, derandomize=True, database=None)


@given(journey=journeys(has_moved=False))
@_deterministic
def test_with_merge_one_profile_has_everything(journey: Journey) -> None:
    """All identifiers and traits, and the membership of the last audience event.

    The person may subscribe by a form that does not know the user.
    """
    ending = play(journey, "merge")

    expected = last_values(journey) | {"userId": USER, "email": OLD}
    assert [attributes(profile) for profile in ending.profiles] == [expected]
    assert len(ending.members) == is_inside(journey)
    assert ending.dead_letters == 0


@given(journey=journeys(has_moved=False))
@_deterministic
def test_with_update_the_profile_of_the_address_has_all_traits(
    journey: Journey,
) -> None:
    """All traits whose last value came when the user's address was known.

    Before that, an identify call can name only the user id. If a form has made a
    profile of the address, Klaviyo keeps two profiles, and `update` leaves alone what
    the profile of the user id has: such a value is on one of the two. Without a form
    there is one profile.
    """
    ending = play(journey, "update")

    values, by_email = last_values(journey), written_by_email(journey)
    [of_email] = [one for one in ending.profiles if one.email == OLD]
    held = attributes(of_email)
    assert {n: held.get(n) for n in by_email} == {n: values[n] for n in by_email}
    everywhere = {item for one in ending.profiles for item in attributes(one).items()}
    assert {*values.items(), ("userId", USER)} <= everywhere
    if all("userId" in event for event in journey.events):
        assert ending.profiles == [of_email]
    assert ending.dead_letters == 0


@pytest.mark.parametrize("on_conflict", ["merge", "update"])
@given(journey=journeys(has_moved=True))
@_deterministic
def test_a_changed_address_ends_on_the_one_profile(
    journey: Journey, on_conflict: str
) -> None:
    """An old browser brings the previous address back once, and changes nothing.

    Lanes are independent: an event that was decided before the change may leave after
    it, and then writes the previous address. The user's next event writes the current
    one. So the invariant holds after one more event.

    Klaviyo makes a new profile of an address that nobody has any more. So three things
    may leave a second profile, and are not drawn: a form that names the previous
    address without the user; a subscription of the previous address that leaves after
    the change, since consent counts for the address that gave it; and events that
    arrive out of order, so that an address comes before the identify call that makes it
    the user's.
    """
    last = body_of(track("Viewed", userId=USER), 60)

    ending = play(journey, on_conflict, last=[last])

    expected = last_values(journey) | {"userId": USER, "email": NEW}
    assert [attributes(profile) for profile in ending.profiles] == [expected]
    assert len(ending.members) == is_inside(journey)
    assert ending.dead_letters == 0


@given(journey=settled_moves())
@_deterministic
def test_an_address_that_changes_when_all_is_settled_leaves_one_profile(
    journey: Journey,
) -> None:
    """Forms and subscriptions named the previous address; late events bring none back.

    What is not drawn is in the docstring of the test above.
    """
    last = body_of(track("Viewed", userId=USER), 60)

    ending = play(journey, "merge", last=[last])

    expected = last_values(journey) | {"userId": USER, "email": NEW}
    assert [attributes(profile) for profile in ending.profiles] == [expected]
    assert len(ending.members) == is_inside(journey)
    assert ending.dead_letters == 0
