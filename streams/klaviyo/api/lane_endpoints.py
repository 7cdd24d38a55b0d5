"""Quotas, limits and scopes of the operations on events, consent and privacy.

Source unless a line names another: Klaviyo OpenAPI, revision 2026-07-15.
"""

from streams.klaviyo.api import endpoints
from streams.klaviyo.api.endpoints import (
    LARGE_QUOTA,
    MEDIUM_QUOTA,
    Endpoint,
    RequestLimit,
)
from streams.rate_limiting.state_machine import Quota

_SMALL_QUOTA = Quota(burst_per_s=3, steady_per_min=60)
_HUGE_QUOTA = Quota(burst_per_s=350, steady_per_min=3_500)

_CONSENT_SCOPES = frozenset({"lists:write", "profiles:write", "subscriptions:write"})

CREATE_EVENT = Endpoint(
    name="create_event",
    method="POST",
    path="/api/events",
    quota=_HUGE_QUOTA,
    scopes=frozenset({"events:write"}),
)
CREATE_EVENTS = Endpoint(
    name="bulk_create_events",
    method="POST",
    path="/api/event-bulk-create-jobs",
    quota=MEDIUM_QUOTA,
    limit=RequestLimit(items=1_000),
    scopes=frozenset({"events:write"}),
)
SUBSCRIBE = Endpoint(
    name="bulk_subscribe_profiles",
    method="POST",
    path="/api/profile-subscription-bulk-create-jobs",
    quota=LARGE_QUOTA,
    limit=RequestLimit(items=1_000),
    scopes=_CONSENT_SCOPES,
)
UNSUBSCRIBE = Endpoint(
    name="bulk_unsubscribe_profiles",
    method="POST",
    path="/api/profile-subscription-bulk-delete-jobs",
    quota=LARGE_QUOTA,
    limit=RequestLimit(items=100),
    scopes=_CONSENT_SCOPES,
)
SUPPRESS = Endpoint(
    name="bulk_suppress_profiles",
    method="POST",
    path="/api/profile-suppression-bulk-create-jobs",
    quota=LARGE_QUOTA,
    limit=RequestLimit(items=100),
    scopes=frozenset({"profiles:write", "subscriptions:write"}),
)
UNSUPPRESS = Endpoint(
    name="bulk_unsuppress_profiles",
    method="POST",
    path="/api/profile-suppression-bulk-delete-jobs",
    quota=LARGE_QUOTA,
    limit=RequestLimit(items=100),
    scopes=frozenset({"subscriptions:write"}),
)
REQUEST_DELETION = Endpoint(
    name="request_profile_deletion",
    method="POST",
    path="/api/data-privacy-deletion-jobs",
    quota=_SMALL_QUOTA,
    scopes=frozenset({"data-privacy:write"}),
)
GET_LIST_PROFILES = Endpoint(
    name="get_profiles_for_list",
    method="GET",
    path="/api/lists/{id}/profiles",
    quota=LARGE_QUOTA,
    scopes=frozenset({"lists:read", "profiles:read"}),
)
GET_METRICS = Endpoint(
    name="get_metrics",
    method="GET",
    path="/api/metrics",
    quota=MEDIUM_QUOTA,
    scopes=frozenset({"metrics:read"}),
)

ENDPOINTS = (
    *endpoints.ENDPOINTS,
    CREATE_EVENT,
    CREATE_EVENTS,
    SUBSCRIBE,
    UNSUBSCRIBE,
    SUPPRESS,
    UNSUPPRESS,
    REQUEST_DELETION,
    GET_LIST_PROFILES,
    GET_METRICS,
)
"""All operations of all lanes."""

SCOPES = frozenset().union(*(endpoint.scopes for endpoint in ENDPOINTS))
"""What the API key must be allowed to do for all lanes."""
