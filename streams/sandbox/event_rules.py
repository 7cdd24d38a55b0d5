"""What Klaviyo accepts as the attributes of an event."""

from collections.abc import Iterator

from streams.sandbox import attributes as profile_rules
from streams.sandbox import bodies
from streams.sandbox.calls import Json
from streams.sandbox.errors import ApiError, Refusal, invalid
from streams.sandbox.limits import (
    EVENT_ARRAY_MAX_ITEMS,
    EVENT_FUTURE_MAX_S,
    EVENT_MAX_DEPTH,
    EVENT_MAX_PROPERTIES,
    EVENT_MIN_TIME_S,
    EVENT_STRING_MAX_BYTES,
    METRIC_NAME_MAX_CHARS,
)
from streams.sandbox.times import seconds

_KNOWN = frozenset(
    {"properties", "time", "value", "value_currency", "unique_id", "backfill"}
    | {"metric", "profile"}
)


def profile_of(given: Json, *, pointer: str) -> Json:
    """Return the profile resource of an event, or of a bulk row.

    Args:
        given: Member `attributes` of the event or row.
        pointer: JSON pointer of it.

    Raises:
        Refusal: 400, one error for each fault.
    """
    pointer = f"{pointer}/profile"
    item = bodies.member(
        bodies.member(given, "profile", pointer=pointer.removesuffix("/profile")),
        "data",
        pointer=pointer,
    )
    bodies.typed(item, kind="profile", pointer=f"{pointer}/data")
    bodies.member(item, "attributes", pointer=f"{pointer}/data")
    profile_rules.check_resource(item, pointer=f"{pointer}/data")
    if not profile_rules.named(item):
        detail = "At least one profile identifier is required."
        raise Refusal([invalid(detail, pointer=f"{pointer}/data/attributes")])
    return item


def metric_of(given: Json, *, pointer: str) -> str:
    """Return the name of an event's metric.

    Raises:
        Refusal: 400, with its pointer.
    """
    metric = bodies.member(given, "metric", pointer=pointer)
    item = bodies.member(metric, "data", pointer=f"{pointer}/metric")
    bodies.typed(item, kind="metric", pointer=f"{pointer}/metric/data")
    here = f"{pointer}/metric/data/attributes"
    named = bodies.member(item, "attributes", pointer=f"{pointer}/metric/data")
    name = bodies.text(named, "name", pointer=here)
    if len(name) > METRIC_NAME_MAX_CHARS:
        detail = "A metric name has fewer than 128 characters."
        raise Refusal([invalid(detail, pointer=f"{here}/name")])
    return name


def faults(given: Json, *, pointer: str, now_s: float) -> list[ApiError]:
    """Find what is wrong with an event, its profile and metric apart.

    Args:
        given: Member `attributes` of the event.
        pointer: JSON pointer of it.
        now_s: The time it is: events may lie a year ahead.
    """
    found = [
        invalid(f"'{name}' is not a valid field.", pointer=f"{pointer}/{name}")
        for name in sorted(given.keys() - _KNOWN)
    ]
    checks = {
        "time": _wrong_time(given.get("time"), now_s=now_s),
        "value": _wrong_value(given.get("value")),
        "unique_id": _wrong_text(given.get("unique_id")),
        "value_currency": _wrong_text(given.get("value_currency")),
        "properties": _wrong_properties(given.get("properties")),
    }
    return found + [
        invalid(detail, pointer=f"{pointer}/{name}")
        for name, detail in checks.items()
        if detail
    ]


def _wrong_time(value: object, *, now_s: float) -> str:
    if value is None:
        return ""
    at_s = seconds(value)
    if at_s is None:
        return "'time' must be an ISO 8601 timestamp."
    if not EVENT_MIN_TIME_S <= at_s <= now_s + EVENT_FUTURE_MAX_S:
        return "'time' must lie after 1990 and at most one year ahead."
    return ""


def _wrong_value(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return "'value' must be a number."
    return ""


def _wrong_text(value: object) -> str:
    return "" if value is None or isinstance(value, str) else "A string is required."


def _wrong_properties(value: object) -> str:
    if not isinstance(value, dict):
        return "'properties' is a required object."
    if len(value) > EVENT_MAX_PROPERTIES:
        return f"An event has at most {EVENT_MAX_PROPERTIES} properties."
    for each, depth in _walk(value, depth=1):
        if depth > EVENT_MAX_DEPTH:
            return f"Properties nest at most {EVENT_MAX_DEPTH} deep."
        if isinstance(each, list) and len(each) > EVENT_ARRAY_MAX_ITEMS:
            return f"An array has at most {EVENT_ARRAY_MAX_ITEMS} items."
        if isinstance(each, str) and len(each.encode()) > EVENT_STRING_MAX_BYTES:
            return "A string has at most 100 KB."
    return ""


def _walk(value: object, *, depth: int) -> Iterator[tuple[object, int]]:
    """Give every value with its depth; no deeper than one level too deep."""
    yield value, depth
    if depth > EVENT_MAX_DEPTH:
        return
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            inner = depth + isinstance(each, dict | list)
            yield from _walk(each, depth=inner)
