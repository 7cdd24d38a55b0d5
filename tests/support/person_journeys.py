"""Journeys of a person: events in some order, and workers that may be killed."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from streams.settings.model import LaneId
from tests.streams.klaviyo.fakes import START_S
from tests.support.in_process import NEVER

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
        key: User key, on a lane. It stands for the first key there, if none has it.
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
        is_shared: Value of `identity.shared_profiles`.
    """

    events: list[Event]
    again: int
    steps: list[Step]
    order: list[LaneId]
    fold: Any
    later: list[Event]
    later_steps: list[Step]
    is_shared: bool

    @property
    def in_time(self) -> list[Event]:
        """All events by event time."""
        events = [*self.events, *self.later]
        return sorted(events, key=lambda event: int(event["timestamp"]))


def _identify(*traits: str, **contacts: str) -> Event:
    return {"type": "identify", "userId": USER, "traits": contacts, "sets": traits}


def track(event: str, email: str = "", **who: str) -> Event:
    """Return a track call, with an address in its context."""
    context = {"traits": {"email": email}} if email else {}
    return {"type": "track", "event": event, "context": context, **who}


def _audience(event: str, email: str) -> Event:
    return {**track(event, email, userId=USER), "properties": {"audience_key": "vip"}}


def _events_of(email: str) -> list[Event]:
    """Return an event of each kind by a user who has an address."""
    return [
        track("Viewed", userId=USER),
        track("Viewed", email, userId=USER),
        track(SUBSCRIBED, email, userId=USER),
        track("Order Completed", email, userId=USER),
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


FORM_EVENT = track(SUBSCRIBED, OLD, anonymousId=FORM)
BEGINNINGS: list[list[Event]] = [
    [track("Viewed", userId=USER), FORM_EVENT],
    [_identify("firstName", "plan"), FORM_EVENT],
    [FORM_EVENT],
    [],
]
"""Beginnings that may make two profiles, before an identify call names both."""

OLD_BROWSER = [track("Viewed", OLD, userId=USER), _identify("size", email=OLD)]


def _bodies(events: Iterable[Event], start: int = 0) -> list[Event]:
    """Return the bodies of events that happen a minute apart."""
    return [body_of(event, number) for number, event in enumerate(events, start)]


def body_of(event: Event, number: int) -> Event:
    """Return the body of an event with an id and a time."""
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
        is_shared=st.booleans(),
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
