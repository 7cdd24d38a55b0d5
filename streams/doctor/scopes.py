"""Endpoints whose scopes a destination needs, and those that may be tried."""

from collections.abc import Mapping
from typing import Final

from streams.destination.model import Destination, UnknownMetricPolicy
from streams.klaviyo.api.endpoints import (
    CREATE_EVENT,
    CREATE_LIST,
    GET_LISTS,
    GET_METRICS,
    GET_PROFILES,
    REQUEST_DELETION,
    SUBSCRIBE,
    SUPPRESS,
    UPSERT_PROFILE,
    Endpoint,
)

_PROFILES: Final = (GET_PROFILES, UPSERT_PROFILE)
_LISTS: Final = (*_PROFILES, GET_LISTS, CREATE_LIST)
_EVENTS: Final = (CREATE_EVENT,)

ENDPOINTS_BY_ACTION: Final[Mapping[str, tuple[Endpoint, ...]]] = {
    "upsertProfile": _PROFILES,
    "addProfileToList": _LISTS,
    "removeProfileFromList": _LISTS,
    "removeProfile": _LISTS,
    "trackEvent": _EVENTS,
    "orderCompleted": _EVENTS,
    "subscribeProfile": (SUBSCRIBE,),
    "unsubscribeProfile": (SUBSCRIBE, GET_PROFILES),
    "suppressProfile": (SUPPRESS,),
    "unsuppressProfile": (SUPPRESS,),
    "deleteProfile": (REQUEST_DELETION,),
}
"""For each action, endpoints that together need the scopes which its requests need."""

UNTRIED: Final = frozenset({REQUEST_DELETION.name})
"""Endpoints that no check calls, whatever the body."""


def needed_endpoints(destination: Destination) -> tuple[Endpoint, ...]:
    """Return the endpoints that stand for the scopes that a destination needs."""
    actions = [rule.action.name for rule in destination.mappings]
    if destination.sync_audiences:
        actions.append("addProfileToList")
    needed = [one for action in actions for one in ENDPOINTS_BY_ACTION[action]]
    if destination.unknown_metric is UnknownMetricPolicy.DEAD_LETTER:
        needed.append(GET_METRICS)
    by_scopes = {endpoint.scopes: endpoint for endpoint in needed}
    return tuple(sorted(by_scopes.values(), key=lambda one: sorted(one.scopes)))
