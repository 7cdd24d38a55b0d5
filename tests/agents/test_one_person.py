"""One person is one profile, in any interleaving of events, lanes and killed workers.

`KLAVIYO_STREAMS_TEST_EXAMPLES` sets the number of examples of each test.
"""

import asyncio
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.lanes import service
from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from streams.sandbox import Sandbox, SandboxConfig
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.switches import Switches
from streams.settings.model import LaneId
from tests.streams.klaviyo.fakes import START_S
from tests.streams.klaviyo.profile_builders import new_list
from tests.support.in_process import NEVER, InProcessClient, InProcessPipeline
from tests.support.worker_fakes import run

EXAMPLES = int(os.environ.get("KLAVIYO_STREAMS_TEST_EXAMPLES", "25"))

USER, FORM = "ada", "ada-form"
OLD, NEW = "ada@old.example", "ada@new.example"
PHONE = "+12025550123"
SUBSCRIBED = "User Subscribed"
TRAITS = ("firstName", "plan", "size")
LANES = (LaneId.PROFILES, LaneId.EVENTS, LaneId.LISTS, LaneId.CONSENT)
START_MS = int(START_S * 1000) - 3_600_000

Event = dict[str, Any]


class Step(NamedTuple):
    """Work of one worker, which may be killed before it has committed.

    Attributes:
        lane: The lane; None for activate.
        key: User key, on a lane.
        batch: Number of events or activations.
        requests: Requests, or records that activate writes, until the worker is killed.
        entries: Entries that activate writes until the worker is killed.
    """

    lane: LaneId | None
    key: str
    batch: int
    requests: int
    entries: int


class Journey(NamedTuple):
    """Events of a person and the work of the workers.

    Attributes:
        events: Bodies of the events, in the order of the source topic.
        again: Number of the last records that intake reads twice.
        steps: Work, in order; all that is left is done at the end.
        order: Lanes in the order in which they are settled at the end.
        fold: Value of the sandbox's switch `external_id_fold`.
        later: Events that are published once the others are settled.
        later_steps: Work on the later events.
    """

    events: list[Event]
    again: int
    steps: list[Step]
    order: list[LaneId]
    fold: Any
    later: list[Event]
    later_steps: list[Step]

    @property
    def in_time(self) -> list[Event]:
        """All events by event time."""
        events = [*self.events, *self.later]
        return sorted(events, key=lambda event: int(event["timestamp"]))


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


def _identify(*traits: str, **contacts: str) -> Event:
    return {"type": "identify", "userId": USER, "traits": contacts, "sets": traits}


def _track(event: str, email: str = "", **who: str) -> Event:
    context = {"traits": {"email": email}} if email else {}
    return {"type": "track", "event": event, "context": context, **who}


def _audience(event: str, email: str) -> Event:
    return {**_track(event, email, userId=USER), "properties": {"audience_key": "vip"}}


def _events_of(email: str) -> list[Event]:
    """Return an event of each kind by a user who has an address."""
    return [
        _track("Viewed", userId=USER),
        _track("Viewed", email, userId=USER),
        _track(SUBSCRIBED, email, userId=USER),
        _track("Order Completed", email, userId=USER),
        _audience("Audience Entered", email),
        _audience("Audience Exited", email),
        _audience("Audience Entered", ""),
        _audience("Audience Exited", ""),
        _identify("plan", email=email),
        _identify("firstName", email=email),
        _identify("plan", "size", email=email, phone=PHONE),
        _identify("firstName", "plan"),
        _identify("size", phone=PHONE),
    ]


FORM_EVENT = _track(SUBSCRIBED, OLD, anonymousId=FORM)
BEGINNINGS: list[list[Event]] = [
    [_track("Viewed", userId=USER), FORM_EVENT],
    [_identify("firstName", "plan"), FORM_EVENT],
    [FORM_EVENT],
    [],
]
"""Beginnings that may make two profiles, before an identify call names both."""

OLD_BROWSER = [_track("Viewed", OLD, userId=USER), _identify("size", email=OLD)]


def _bodies(events: Iterable[Event], start: int = 0) -> list[Event]:
    """Return the bodies of events that happen a minute apart."""
    return [_body(event, number) for number, event in enumerate(events, start)]


def _body(event: Event, number: int) -> Event:
    values = {name: f"{name}-{number}" for name in event.get("sets", ())}
    traits = {"traits": {**event["traits"], **values}} if "traits" in event else {}
    body = {key: value for key, value in event.items() if key != "sets"} | traits
    ids = {"messageId": f"m{number}", "timestamp": START_MS + number * 60_000}
    return body | ids


@st.composite
def _person_events(draw: st.DrawFn, *, has_moved: bool) -> Any:  # noqa: ANN401 - see st.composite
    """Draw the bodies of a person's events, in the order of the source topic."""
    kinds = st.sampled_from(
        [one for one in _events_of(OLD) if one.get("event") != SUBSCRIBED]
        if has_moved
        else [*_events_of(OLD), FORM_EVENT]
    )
    begin = [] if has_moved else draw(st.sampled_from(BEGINNINGS))
    events = [*begin, _identify("plan", email=OLD), *draw(st.lists(kinds, max_size=9))]
    if has_moved:
        later = st.lists(st.sampled_from(_events_of(NEW)), max_size=4)
        browser = st.lists(st.sampled_from(OLD_BROWSER), max_size=1)
        move = _identify("size", email=NEW)
        events += [move, *draw(later), *draw(browser), *draw(later)]
    bodies = _bodies(events)
    in_order = has_moved or draw(st.booleans())
    return bodies if in_order else draw(st.permutations(bodies))


_LIVES = st.one_of(st.just(NEVER), st.integers(0, 8))

_STEPS = st.builds(
    Step,
    lane=st.sampled_from([None, None, *LANES]),
    key=st.sampled_from([USER, USER, FORM]),
    batch=st.integers(1, 4),
    requests=_LIVES,
    entries=_LIVES,
)


def journeys(*, has_moved: bool) -> st.SearchStrategy[Any]:
    """Draw journeys of a person.

    Args:
        has_moved: Whether the person changes the address, and an old browser brings the
            previous one back once.
    """
    return st.builds(
        Journey,
        events=_person_events(has_moved=has_moved),
        again=st.integers(0, 1),
        steps=st.lists(_STEPS, min_size=2, max_size=16),
        order=st.permutations(LANES),
        fold=st.sampled_from(["fold", "conflict"]),
        later=st.just([]),
        later_steps=st.just([]),
    )


@st.composite
def settled_moves(draw: st.DrawFn) -> Any:  # noqa: ANN401 - see st.composite
    """Draw journeys of a person who changes the address when all is settled.

    Before that, forms and subscriptions name the previous address, in any order of
    arrival. Afterwards some events from before arrive late, and those behind the change
    in any order.
    """
    journey = draw(journeys(has_moved=False))
    count = len(journey.events)
    browser = draw(st.lists(st.sampled_from(OLD_BROWSER), max_size=1))
    kinds = st.lists(st.sampled_from(_events_of(NEW)), max_size=5)
    change = [_identify("size", email=NEW), *draw(kinds), *browser]
    move, *behind = _bodies(change, start=count)
    last_two = journey.events[-2:] if draw(st.booleans()) else []
    delayed = [one for one in last_two if one.get("event") != SUBSCRIBED]
    if not any(_has_old(one) for one in journey.events if one not in delayed):
        delayed = []  # the previous address must be known
    return journey._replace(
        events=[one for one in journey.events if one not in delayed],
        later=[move, *draw(st.permutations([*behind, *delayed]))],
        later_steps=draw(st.lists(_STEPS, max_size=8)),
    )


def _has_old(event: Event) -> bool:
    """Return True for the identify calls that make the previous address the user's."""
    return bool(event.get("traits", {}).get("email") == OLD)


@cache
def _destination(on_conflict: str, list_id: str) -> Destination:
    identity = {"identity": {"on_conflict": on_conflict}}
    return compile_destination({"settings": identity, "audiences": {"vip": list_id}})


def play(journey: Journey, on_conflict: str, *, last: Sequence[Event] = ()) -> Ending:
    """Run a journey, and return what is left.

    Args:
        journey: The journey.
        on_conflict: Value of `identity.on_conflict`.
        last: Events that come when everything is settled.
    """
    return run(_play(journey, on_conflict, last))


async def _play(journey: Journey, on_conflict: str, last: Sequence[Event]) -> Ending:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    config = SandboxConfig(
        quota_scale=None,
        journal=None,  # its transport notes the requests for the judge
        clock_s=lambda: START_S + loop.time() - began_s,
        switches=Switches(external_id_fold=journey.fold),
    )
    klaviyo = Sandbox(config)
    list_id = await new_list(InProcessClient(klaviyo.account))
    pipeline = InProcessPipeline(klaviyo, _destination(on_conflict, list_id))
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
        await pipeline.settle(lane, key.encode(), batch, requests=requests)


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


@pytest.fixture(autouse=True, scope="module")
def _few_ticks() -> Iterator[None]:
    """Look for batches less often: the clock skips, but each tick costs time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "IDLE_TICK_S", 0.25)
        yield


@pytest.fixture(autouse=True)
def _quiet_logs() -> None:
    """Drop the logs of the workers: thousands of lines."""
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)


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
    last = _body(_track("Viewed", userId=USER), 60)

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
    last = _body(_track("Viewed", userId=USER), 60)

    ending = play(journey, "merge", last=[last])

    expected = last_values(journey) | {"userId": USER, "email": NEW}
    assert [attributes(profile) for profile in ending.profiles] == [expected]
    assert len(ending.members) == is_inside(journey)
    assert ending.dead_letters == 0
