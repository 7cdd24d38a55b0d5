"""Backlogs for every lane, with the endpoint that limits each kind."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import msgspec

from streams.actions.activation import Activation
from streams.actions.intents import (
    Consent,
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
)
from streams.events.canonical_event import Origin
from streams.klaviyo.api import endpoints
from streams.klaviyo.api import endpoints as lane
from streams.klaviyo.api.endpoints import LOOKUP_MAX_VALUES, Endpoint
from tests.benchmarks.workload import START_MS, Published

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The lists that the backlog is about; ids of the sandbox."""

    adds: str
    removals: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Kind of work in one lane.

    Attributes:
        lane: The lane.
        name: The kind.
        limit: The endpoint whose quota is used up first.
        items_max: Most items one request to it stands for; 0: its own limit.
        beside: What else it asks of Klaviyo.
        shared: How many kinds of work share the endpoint.
        intent: The n-th of the backlog.
    """

    lane: str
    name: str
    limit: Endpoint
    intent: Callable[[int, Lists], Intent]
    beside: tuple[Endpoint, ...] = ()
    items_max: int = 0
    shared: int = 1

    @property
    def label(self) -> str:
        """Lane and kind, as text."""
        return f"{self.lane}: {self.name}" if self.name != self.lane else self.lane

    def items_each(self, batch_max_items: int) -> int:
        """Most items a request to the limiting endpoint stands for."""
        return min(self.items_max or self.limit.limit.items, batch_max_items)


def _email(name: str) -> str:
    return f"{name}@example.com"


def _profile(name: str) -> dict[str, object]:
    return {
        "external_id": name,
        "email": _email(name),
        "first_name": "Sarah",
        "location": {"city": "Boston", "country": "US"},
        "properties": {"plan": "gold", "orders": 7},
    }


def _add(number: int, lists: Lists) -> Intent:
    return ListAdd(list_id=lists.adds, profile=_profile(f"add-{number}"))


def _remove(number: int, lists: Lists) -> Intent:
    return ListRemove(list_id=lists.removals, identifiers=member(number))


def _upsert(number: int, _: Lists) -> Intent:
    return ProfileUpsert(profile=_profile(f"upsert-{number}"))


def _event(number: int, _: Lists) -> Intent:
    return EventRecord(
        metric="Product Viewed",
        profile={"external_id": f"viewer-{number}"},
        properties={"sku": "G-32", "price": 18.99, "category": "Games"},
        time="2025-10-09T08:53:20Z",
        unique_id=f"bench-{number}",
    )


def _consent(consent: Consent, name: str) -> Intent:
    return ConsentChange(
        consent=consent,
        profile={"email": _email(name)},
        channels=("email.marketing",),
    )


def _subscribe(number: int, _: Lists) -> Intent:
    return _consent(Consent.SUBSCRIBED, f"joiner-{number}")


def _unsubscribe(number: int, _: Lists) -> Intent:
    return _consent(Consent.UNSUBSCRIBED, f"quitter-{number}")


def _delete(number: int, _: Lists) -> Intent:
    return Deletion(identifiers={"email": _email(f"forgotten-{number}")})


_JOBS = (
    endpoints.GET_IMPORT_JOBS,
    endpoints.GET_IMPORT_JOB,
    endpoints.GET_IMPORT_ERRORS,
)

WORKS: Final = (
    Work(
        lane="consent",
        name="subscribe",
        limit=lane.SUBSCRIBE,
        intent=_subscribe,
    ),
    Work(
        lane="consent",
        name="unsubscribe",
        limit=lane.UNSUBSCRIBE,
        beside=(lane.GET_LIST_PROFILES,),
        intent=_unsubscribe,
    ),
    Work(
        lane="lists",
        name="adds",
        limit=endpoints.IMPORT_PROFILES,
        beside=(
            *_JOBS,
            endpoints.GET_LIST,
            endpoints.UPSERT_PROFILE,
            endpoints.ADD_MEMBERS,
        ),
        shared=2,
        intent=_add,
    ),
    Work(
        lane="lists",
        name="removals",
        limit=endpoints.GET_PROFILES,
        items_max=LOOKUP_MAX_VALUES,
        beside=(endpoints.REMOVE_MEMBERS,),
        intent=_remove,
    ),
    Work(
        lane="events",
        name="events",
        limit=lane.CREATE_EVENTS,
        beside=(lane.CREATE_EVENT, lane.GET_METRICS),
        intent=_event,
    ),
    Work(
        lane="profiles",
        name="profiles",
        limit=endpoints.IMPORT_PROFILES,
        beside=(*_JOBS, endpoints.UPSERT_PROFILE),
        shared=2,
        intent=_upsert,
    ),
    Work(
        lane="privacy",
        name="privacy",
        limit=lane.REQUEST_DELETION,
        intent=_delete,
    ),
)
"""By lane. Removals are limited by the look-ups of ids, a hundred each, not by the
removing itself, a thousand each: 7,500 ids a minute are found, 150,000 could go.
Adds and upserts share one endpoint, and so its quota.
"""


def member(number: int) -> dict[str, str]:
    """Return the members to remove from the list."""
    return {"external_id": f"leave-{number}"}


def backlog_of(
    lane_name: str, counts: Mapping[str, int], lists: Lists
) -> Iterator[Published]:
    """Make the backlog of a lane, its kinds of work spread evenly over it.

    Args:
        lane_name: The lane.
        counts: Label of a work → how many of it.
        lists: The lists they are about.
    """
    kinds = (
        _spots(work, counts[work.label]) for work in WORKS if work.lane == lane_name
    )
    ordered = heapq.merge(*kinds, key=itemgetter(0))
    for offset, (_, work, number) in enumerate(ordered):
        yield _published(work, number, offset=offset, lists=lists)


def _spots(work: Work, count: int) -> Iterator[tuple[float, Work, int]]:
    return ((number / count, work, number) for number in range(count))


def _published(work: Work, number: int, *, offset: int, lists: Lists) -> Published:
    user = f"{work.name}-{number}"
    activation = Activation(
        action=work.name,
        user=user,
        intent=work.intent(number, lists),
        time_ms=START_MS + number,
        origin=Origin(topic=f"bench.{work.lane}", partition=0, offset=offset),
    )
    return Published(key=user.encode(), value=_encode(activation))
