"""Search for profiles: filter, sort, pages."""

from collections.abc import Iterable

from streams.sandbox.account.account import Account
from streams.sandbox.account.consent import ConsentState
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi import filters, pagination
from streams.sandbox.jsonapi.errors import bad_request
from streams.sandbox.jsonapi.messages import HandlerResponse, ParsedRequest
from streams.sandbox.routes.profiles import render_with_consent

_EQUAL = frozenset({"equals", "any"})
_TIMES = frozenset({"greater-than", "less-than"})
_BOUNDS = _TIMES | {"greater-or-equal", "less-or-equal"}
_SUPPRESSION = "subscriptions.email.marketing.suppression"
FILTERS = {
    "id": _EQUAL,
    "email": _EQUAL,
    "phone_number": _EQUAL,
    "external_id": _EQUAL,
    "created": _TIMES,
    "updated": _TIMES,
    f"{_SUPPRESSION}.reason": frozenset({"equals"}),
    f"{_SUPPRESSION}.timestamp": _BOUNDS,
}
"""`get_profiles`, parameter `filter`; `_kx` and list suppressions are not supported."""

SORTS = ("id", "created", "updated", "email")
"""`get_profiles`, parameter `sort`, the supported part."""


def search(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Search for profiles: `GET /api/profiles` with filter, sort and pages."""
    conditions = filters.parse(request.query.get("filter", ""), allowed=FILTERS)
    sort_field = request.query.get("sort", "id")
    name, descending = sort_field.lstrip("-"), sort_field.startswith("-")
    if name not in SORTS:
        raise bad_request(
            f"'{sort_field}' is not a valid sort of profiles.", parameter="sort"
        )

    def key(profile: StoredProfile) -> pagination.SortKey:
        return [] if name == "id" else [_sort_value(profile, name)]

    profiles = [
        profile
        for profile in _candidates(account, conditions)
        if all(_matches(account, profile, condition) for condition in conditions)
    ]
    profiles.sort(key=lambda profile: [*key(profile), profile.seq], reverse=descending)
    page, links = pagination.paginate(
        request,
        profiles,
        key=lambda profile: [*key(profile), profile.seq],
        sizes=pagination.PROFILE_PAGES,
        descending=descending,
    )
    data = [render_with_consent(account, request, profile) for profile in page]
    return HandlerResponse(body={"data": data, "links": links})


def _sort_value(profile: StoredProfile, name: str) -> str | float:
    if name == "email":
        return profile.email or ""
    return profile.created_s if name == "created" else profile.updated_s


def _candidates(
    account: Account, conditions: tuple[filters.FilterCondition, ...]
) -> Iterable[StoredProfile]:
    """Return the profiles to filter, from an index if a condition allows that."""
    indexes = {"id": account.profiles.by_id, **account.profiles.indexes}
    for name, index in indexes.items():
        condition = filters.find_equality(conditions, name)
        if condition is not None:
            keys = _keys(condition)
            return [index[key] for key in dict.fromkeys(keys) if key in index]
    return account.profiles


def _keys(condition: filters.FilterCondition) -> list[str]:
    lower = condition.field == "email"
    return [value.lower() if lower else value for value in condition.values]


def _matches(
    account: Account, profile: StoredProfile, condition: filters.FilterCondition
) -> bool:
    name = condition.field
    if name.startswith(_SUPPRESSION):
        consent_state = account.consents.by_profile.get(profile.id, ConsentState())
        if name.endswith(".reason"):
            return condition.values[0] in consent_state.suppressions
        times = consent_state.suppressions.values()
        return any(filters.matches(condition, at_s) for at_s in times)
    if name in ("created", "updated"):
        return filters.matches(condition, getattr(profile, f"{name}_s"))
    return getattr(profile, name) in _keys(condition)
