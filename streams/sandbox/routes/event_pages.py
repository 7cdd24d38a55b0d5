"""Reading events: filter, sort, pages, and what they belong to."""

from streams.sandbox import filters, pages, render, render_profile
from streams.sandbox.calls import Answer, Call, Json
from streams.sandbox.errors import refuse
from streams.sandbox.events import Event
from streams.sandbox.world import World

_EQUALS = frozenset({"equals"})
_BOUNDS = frozenset({"greater-than", "greater-or-equal", "less-than", "less-or-equal"})
FILTERS = {
    "metric_id": _EQUALS,
    "profile_id": _EQUALS,
    "datetime": _BOUNDS,
    "timestamp": _BOUNDS,
}
"""`get_events`, parameter `filter`; `has` is not offered."""

SORTS = ("datetime", "timestamp")
"""`get_events`, parameter `sort`."""


def query(world: World, call: Call) -> Answer:
    """`GET /api/events`: filter, sort, pages, included profiles and metrics."""
    conditions = filters.parse(call.query.get("filter", ""), allowed=FILTERS)
    sort = call.query.get("sort", "-datetime")
    if sort.lstrip("-") not in SORTS:
        raise refuse(f"'{sort}' is no sort of events.", parameter="sort")
    descending = sort.startswith("-")
    found = [
        event
        for event in world.events.by_key.values()
        if all(filters.holds(one, _value(event, one.field)) for one in conditions)
    ]
    found.sort(key=lambda event: [event.time_s, event.seq], reverse=descending)
    page, links = pages.paginate(
        call,
        found,
        key=lambda event: [event.time_s, event.seq],
        sizes=pages.EVENTS,
        descending=descending,
    )
    body: Json = {"data": [render.event(call, event) for event in page], "links": links}
    if "include" in call.query:
        body["included"] = _included(world, call, page)
    return Answer(body=body)


def _value(event: Event, name: str) -> str | float:
    if name == "metric_id":
        return event.metric_id
    return event.profile_id if name == "profile_id" else event.time_s


def _included(world: World, call: Call, page: list[Event]) -> list[Json]:
    wanted = call.query["include"].split(",")
    plain = render.without_extras(call)
    found: list[Json] = []
    if "metric" in wanted:
        names = sorted({event.metric_id for event in page})
        found += [render.metric(plain, world.events.metrics[name]) for name in names]
    if "profile" in wanted:
        people = sorted({event.profile_id for event in page})
        found += [
            render_profile.profile(plain, world.profiles.by_id[name], standing=None)
            for name in people
            if name in world.profiles.by_id
        ]
    return found
