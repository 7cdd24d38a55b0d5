"""Finding profiles: filter, sort, pages."""

from collections.abc import Iterable

from streams.sandbox import filters, pages
from streams.sandbox.calls import Answer, Call
from streams.sandbox.errors import refuse
from streams.sandbox.profiles import Profile
from streams.sandbox.routes.profiles import write
from streams.sandbox.standing import Standing
from streams.sandbox.world import World

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
"""`get_profiles`, parameter `filter`; `_kx` and list suppressions are not offered."""

SORTS = ("id", "created", "updated", "email")
"""`get_profiles`, parameter `sort`, the part that is offered."""


def query(world: World, call: Call) -> Answer:
    """`GET /api/profiles`: filter, sort, pages."""
    conditions = filters.parse(call.query.get("filter", ""), allowed=FILTERS)
    sort = call.query.get("sort", "id")
    name, descending = sort.lstrip("-"), sort.startswith("-")
    if name not in SORTS:
        raise refuse(f"'{sort}' is no sort of profiles.", parameter="sort")

    def key(profile: Profile) -> pages.Key:
        return [] if name == "id" else [_sort_value(profile, name)]

    found = [
        profile
        for profile in _candidates(world, conditions)
        if all(_holds(world, profile, condition) for condition in conditions)
    ]
    found.sort(key=lambda one: [*key(one), one.seq], reverse=descending)
    page, links = pages.paginate(
        call,
        found,
        key=lambda one: [*key(one), one.seq],
        sizes=pages.PROFILES,
        descending=descending,
    )
    data = [write(world, call, profile) for profile in page]
    return Answer(body={"data": data, "links": links})


def _sort_value(profile: Profile, name: str) -> str | float:
    if name == "email":
        return profile.email or ""
    return profile.created_s if name == "created" else profile.updated_s


def _candidates(
    world: World, conditions: tuple[filters.Condition, ...]
) -> Iterable[Profile]:
    """Take the shortest way: an index where one condition allows it."""
    indexes = {"id": world.profiles.by_id, **world.profiles.indexes}
    for name, index in indexes.items():
        condition = filters.first_of(conditions, name)
        if condition is not None:
            keys = _keys(condition)
            return [index[key] for key in dict.fromkeys(keys) if key in index]
    return world.profiles


def _keys(condition: filters.Condition) -> list[str]:
    lower = condition.field == "email"
    return [value.lower() if lower else value for value in condition.values]


def _holds(world: World, profile: Profile, condition: filters.Condition) -> bool:
    name = condition.field
    if name.startswith(_SUPPRESSION):
        standing = world.consents.by_profile.get(profile.id, Standing())
        if name.endswith(".reason"):
            return condition.values[0] in standing.suppressions
        times = standing.suppressions.values()
        return any(filters.holds(condition, at_s) for at_s in times)
    if name in ("created", "updated"):
        return filters.holds(condition, getattr(profile, f"{name}_s"))
    return getattr(profile, name) in _keys(condition)
