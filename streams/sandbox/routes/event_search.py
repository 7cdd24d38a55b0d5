"""Search for events: filter, sort, pages, and included resources."""

from streams.sandbox.account.account import Account
from streams.sandbox.account.events import StoredEvent
from streams.sandbox.jsonapi import filters, pagination
from streams.sandbox.jsonapi.errors import bad_request
from streams.sandbox.jsonapi.messages import HandlerResponse, JsonObject, ParsedRequest
from streams.sandbox.jsonapi.resources import without_query
from streams.sandbox.routes import render

_EQUALS = frozenset({"equals"})
_BOUNDS = frozenset({"greater-than", "greater-or-equal", "less-than", "less-or-equal"})
FILTERS = {
    "metric_id": _EQUALS,
    "profile_id": _EQUALS,
    "datetime": _BOUNDS,
    "timestamp": _BOUNDS,
}
"""`get_events`, parameter `filter`; `has` is not supported."""

SORTS = ("datetime", "timestamp")
"""`get_events`, parameter `sort`."""


def search(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Search for events: `GET /api/events` with filter, sort, pages and includes."""
    conditions = filters.parse(request.query.get("filter", ""), allowed=FILTERS)
    sort_field = request.query.get("sort", "-datetime")
    if sort_field.lstrip("-") not in SORTS:
        raise bad_request(
            f"'{sort_field}' is not a valid sort of events.", parameter="sort"
        )
    descending = sort_field.startswith("-")
    events = [
        event
        for event in account.events.by_key.values()
        if all(
            filters.matches(condition, _field_value(event, condition.field))
            for condition in conditions
        )
    ]
    events.sort(key=lambda event: [event.time_s, event.seq], reverse=descending)
    page, links = pagination.paginate(
        request,
        events,
        key=lambda event: [event.time_s, event.seq],
        sizes=pagination.EVENT_PAGES,
        descending=descending,
    )
    body: JsonObject = {
        "data": [render.render_event(request, event) for event in page],
        "links": links,
    }
    if "include" in request.query:
        body["included"] = _included(account, request, page)
    return HandlerResponse(body=body)


def _field_value(event: StoredEvent, name: str) -> str | float:
    if name == "metric_id":
        return event.metric_id
    return event.profile_id if name == "profile_id" else event.time_s


def _included(
    account: Account, request: ParsedRequest, page: list[StoredEvent]
) -> list[JsonObject]:
    requested = request.query["include"].split(",")
    plain = without_query(request)
    resources: list[JsonObject] = []
    if "metric" in requested:
        names = sorted({event.metric_id for event in page})
        resources += [
            render.render_metric(plain, account.events.metrics[name]) for name in names
        ]
    if "profile" in requested:
        profile_ids = sorted({event.profile_id for event in page})
        resources += [
            render.render_profile(
                plain, account.profiles.by_id[name], consent_state=None
            )
            for name in profile_ids
            if name in account.profiles.by_id
        ]
    return resources
