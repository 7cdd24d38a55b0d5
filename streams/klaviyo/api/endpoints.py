"""Endpoints of Klaviyo that this project calls, with quota, limits and scopes.

Source, unless a line names another: Klaviyo OpenAPI, revision 2026-07-15
(`x-klaviyo-ratelimit`, `x-klaviyo-scopes` and the descriptions).
"""

from dataclasses import dataclass

from streams.rate_limiting.pacing import Quota

API_REVISION = "2026-07-15"
"""API revision that these values come from, sent with each request."""

PAGE_MAX_ITEMS = 100
"""Largest `page[size]` of profiles, import jobs and import errors."""

LISTS_PAGE_MAX_ITEMS = 10
"""Largest `page[size]` of `get_lists`."""

LOOKUP_MAX_VALUES = 100
"""Most values in one `any(...)`. No maximum is published; a page holds this number."""

URL_MAX_BYTES = 8_000
"""Longest request target that every recipient should support: RFC 9110, 4.1."""

DAILY_RETRY_AFTER_MIN_S = 60.0
"""Retry-After above this value means a daily quota: the longest window has 60 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimit:
    """Limits of a single request; sizes are in decimal bytes.

    Attributes:
        items: Largest number of profiles or profile IDs.
        body_bytes: Largest body.
        item_bytes: Largest profile.
    """

    items: int = 1
    body_bytes: int = 5_000_000
    item_bytes: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Endpoint of Klaviyo's API.

    Attributes:
        name: Klaviyo's operation ID, which is also the name of the quota.
        method: HTTP method.
        path: Path, with `{id}` in place of a resource ID.
        quota: Published rate limits.
        limit: Limits of a request.
        scopes: Scopes that the API key needs.
        daily_limit: Requests per day; None without a daily quota.
    """

    name: str
    method: str
    path: str
    quota: Quota
    scopes: frozenset[str]
    limit: RequestLimit = RequestLimit()
    daily_limit: int | None = None


_SMALL_QUOTA = Quota(burst_per_s=3, steady_per_min=60)
_HUGE_QUOTA = Quota(burst_per_s=350, steady_per_min=3_500)
MEDIUM_QUOTA = Quota(burst_per_s=10, steady_per_min=150)
LARGE_QUOTA = Quota(burst_per_s=75, steady_per_min=700)
"""Large quota: OpenAPI says 750 per minute, the rate-limit page 700. Response headers
raise the value."""

_CONSENT_SCOPES = frozenset({"lists:write", "profiles:write", "subscriptions:write"})
_IMPORT_JOBS_PATH = "/api/profile-bulk-import-jobs"
_LIST_MEMBERS_PATH = "/api/lists/{id}/relationships/profiles"

IMPORT_PROFILES = Endpoint(
    name="bulk_import_profiles",
    method="POST",
    path=_IMPORT_JOBS_PATH,
    quota=MEDIUM_QUOTA,
    limit=RequestLimit(items=10_000),
    scopes=frozenset({"lists:write", "profiles:write"}),
)
GET_IMPORT_JOBS = Endpoint(
    name="get_bulk_import_profiles_jobs",
    method="GET",
    path=_IMPORT_JOBS_PATH,
    quota=MEDIUM_QUOTA,
    scopes=frozenset({"lists:read", "profiles:read"}),
)
GET_IMPORT_JOB = Endpoint(
    name="get_bulk_import_profiles_job",
    method="GET",
    path=_IMPORT_JOBS_PATH + "/{id}",
    quota=MEDIUM_QUOTA,
    scopes=frozenset({"lists:read", "profiles:read"}),
)
GET_IMPORT_ERRORS = Endpoint(
    name="get_errors_for_bulk_import_profiles_job",
    method="GET",
    path=_IMPORT_JOBS_PATH + "/{id}/import-errors",
    quota=MEDIUM_QUOTA,
    scopes=frozenset({"profiles:read"}),
)
UPSERT_PROFILE = Endpoint(
    name="create_or_update_profile",
    method="POST",
    path="/api/profile-import",
    quota=LARGE_QUOTA,
    limit=RequestLimit(body_bytes=100_000),
    scopes=frozenset({"profiles:write"}),
)
GET_PROFILE = Endpoint(
    name="get_profile",
    method="GET",
    path="/api/profiles/{id}",
    quota=LARGE_QUOTA,
    scopes=frozenset({"profiles:read"}),
)
MERGE_PROFILES = Endpoint(
    name="merge_profiles",
    method="POST",
    path="/api/profile-merge",
    quota=MEDIUM_QUOTA,
    scopes=frozenset({"profiles:write"}),
)
GET_PROFILES = Endpoint(
    name="get_profiles",
    method="GET",
    path="/api/profiles",
    quota=LARGE_QUOTA,
    scopes=frozenset({"profiles:read"}),
)
ADD_MEMBERS = Endpoint(
    name="add_profiles_to_list",
    method="POST",
    path=_LIST_MEMBERS_PATH,
    quota=MEDIUM_QUOTA,
    limit=RequestLimit(items=1_000),
    scopes=frozenset({"lists:write", "profiles:write"}),
)
REMOVE_MEMBERS = Endpoint(
    name="remove_profiles_from_list",
    method="DELETE",
    path=_LIST_MEMBERS_PATH,
    quota=MEDIUM_QUOTA,
    limit=RequestLimit(items=1_000),
    scopes=frozenset({"lists:write", "profiles:write"}),
)
GET_LISTS = Endpoint(
    name="get_lists",
    method="GET",
    path="/api/lists",
    quota=LARGE_QUOTA,
    scopes=frozenset({"lists:read"}),
)
GET_LIST = Endpoint(
    name="get_list",
    method="GET",
    path="/api/lists/{id}",
    quota=LARGE_QUOTA,
    scopes=frozenset({"lists:read"}),
)
CREATE_LIST = Endpoint(
    name="create_list",
    method="POST",
    path="/api/lists",
    quota=MEDIUM_QUOTA,
    scopes=frozenset({"lists:write"}),
    daily_limit=150,
)
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
    IMPORT_PROFILES,
    GET_IMPORT_JOBS,
    GET_IMPORT_JOB,
    GET_IMPORT_ERRORS,
    UPSERT_PROFILE,
    GET_PROFILE,
    GET_PROFILES,
    MERGE_PROFILES,
    ADD_MEMBERS,
    REMOVE_MEMBERS,
    GET_LISTS,
    GET_LIST,
    CREATE_LIST,
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
"""All operations of Klaviyo that this project calls."""
