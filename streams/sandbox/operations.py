"""Operations that the sandbox answers, each with quotas, scopes and body limit.

Source: `x-klaviyo-ratelimit` and `x-klaviyo-scopes` of Klaviyo's OpenAPI, revision
2026-07-15. Each operation is one quota family: Klaviyo counts per account and endpoint.
"""

from dataclasses import dataclass

from streams.sandbox.limits import BODY_MAX_BYTES, PROFILE_MAX_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOperation:
    """Method and path of the API.

    Attributes:
        name: Klaviyo's operation id, and the name of the quota family.
        method: HTTP method.
        path: Path, with `{id}` in place of an id.
        burst_per_s: Requests allowed in the one-second window.
        steady_per_min: Requests allowed in the sixty-second window.
        scopes: Scopes that the key must have.
        body_max_bytes: Larger bodies are answered with 413.
    """

    name: str
    method: str
    path: str
    burst_per_s: int
    steady_per_min: int
    scopes: frozenset[str]
    body_max_bytes: int = BODY_MAX_BYTES


_TIERS = {
    "XS": (1, 15),
    "S": (3, 60),
    "M": (10, 150),
    "L": (75, 750),
    "XL": (350, 3500),
}
"""Klaviyo's rate-limit tiers: (burst per second, steady per minute)."""

_TABLE = """
create_profile POST /api/profiles L profiles:write
get_profiles GET /api/profiles L profiles:read
get_profile GET /api/profiles/{id} L profiles:read
update_profile PATCH /api/profiles/{id} L profiles:write
get_list_ids_for_profile GET /api/profiles/{id}/relationships/lists S \
lists:read,profiles:read
create_or_update_profile POST /api/profile-import L profiles:write
merge_profiles POST /api/profile-merge M profiles:write
bulk_import_profiles POST /api/profile-bulk-import-jobs M lists:write,profiles:write
get_bulk_import_profiles_jobs GET /api/profile-bulk-import-jobs M \
lists:read,profiles:read
get_bulk_import_profiles_job GET /api/profile-bulk-import-jobs/{id} M \
lists:read,profiles:read
get_errors_for_bulk_import_profiles_job GET \
/api/profile-bulk-import-jobs/{id}/import-errors M profiles:read
get_profile_ids_for_bulk_import_profiles_job GET \
/api/profile-bulk-import-jobs/{id}/relationships/profiles M profiles:read
create_list POST /api/lists M lists:write
get_lists GET /api/lists L lists:read
get_list GET /api/lists/{id} L lists:read
update_list PATCH /api/lists/{id} M lists:write
get_profiles_for_list GET /api/lists/{id}/profiles L lists:read,profiles:read
get_profile_ids_for_list GET /api/lists/{id}/relationships/profiles L \
lists:read,profiles:read
add_profiles_to_list POST /api/lists/{id}/relationships/profiles M \
lists:write,profiles:write
remove_profiles_from_list DELETE /api/lists/{id}/relationships/profiles M \
lists:write,profiles:write
get_flows_triggered_by_list GET /api/lists/{id}/flow-triggers S flows:read,lists:read
create_event POST /api/events XL events:write
get_events GET /api/events XL events:read
bulk_create_events POST /api/event-bulk-create-jobs M events:write
get_metrics GET /api/metrics M metrics:read
get_flows_triggered_by_metric GET /api/metrics/{id}/flow-triggers M \
flows:read,metrics:read
bulk_subscribe_profiles POST /api/profile-subscription-bulk-create-jobs L \
lists:write,profiles:write,subscriptions:write
bulk_unsubscribe_profiles POST /api/profile-subscription-bulk-delete-jobs L \
lists:write,profiles:write,subscriptions:write
bulk_suppress_profiles POST /api/profile-suppression-bulk-create-jobs L \
profiles:write,subscriptions:write
bulk_unsuppress_profiles POST /api/profile-suppression-bulk-delete-jobs L \
subscriptions:write
request_profile_deletion POST /api/data-privacy-deletion-jobs S data-privacy:write
get_accounts GET /api/accounts XS accounts:read
"""

_SMALL_BODIES = {"create_profile", "update_profile", "create_or_update_profile"}


def _parse_operation(line: str) -> ApiOperation:
    name, method, path, tier, scopes = line.split()
    burst_per_s, steady_per_min = _TIERS[tier]
    return ApiOperation(
        name=name,
        method=method,
        path=path,
        burst_per_s=burst_per_s,
        steady_per_min=steady_per_min,
        scopes=frozenset(scopes.split(",")),
        body_max_bytes=PROFILE_MAX_BYTES if name in _SMALL_BODIES else BODY_MAX_BYTES,
    )


OPERATIONS = {
    operation.name: operation
    for operation in map(_parse_operation, _TABLE.strip().splitlines())
}
"""All operations, by operation name."""

SMALLER_QUOTAS = {
    ("get_list", "additional-fields[list]", "profile_count"): "XS",
    ("get_profile", "include", "lists"): "XS",
    ("get_profile", "include", "segments"): "XS",
    ("get_profiles", "additional-fields[profile]", "predictive_analytics"): "M",
}
"""Query parameters that move a request into a smaller quota family of its own."""


def smaller_quotas(operation: ApiOperation) -> list[tuple[str, str, ApiOperation]]:
    """Return the query parameters that give `operation` smaller quotas.

    Returns:
        (parameter, value, the operation with the smaller quotas), for each parameter.
    """
    return [
        (parameter, value, _with_tier(operation, name=f"{name}+{value}", tier=tier))
        for (name, parameter, value), tier in SMALLER_QUOTAS.items()
        if name == operation.name
    ]


def _with_tier(operation: ApiOperation, *, name: str, tier: str) -> ApiOperation:
    burst_per_s, steady_per_min = _TIERS[tier]
    return ApiOperation(
        name=name,
        method=operation.method,
        path=operation.path,
        burst_per_s=burst_per_s,
        steady_per_min=steady_per_min,
        scopes=operation.scopes,
        body_max_bytes=operation.body_max_bytes,
    )
