"""Rules for the attributes of an event that Klaviyo accepts."""

from collections.abc import Iterator

from streams.sandbox.account import profile_rules
from streams.sandbox.jsonapi import bodies
from streams.sandbox.jsonapi.errors import ErrorResponse, JsonApiError, invalid_input
from streams.sandbox.jsonapi.messages import JsonObject
from streams.sandbox.jsonapi.times import parse_seconds
from streams.sandbox.limits import (
    EVENT_ARRAY_MAX_ITEMS,
    EVENT_FUTURE_MAX_S,
    EVENT_MAX_DEPTH,
    EVENT_MAX_PROPERTIES,
    EVENT_MIN_TIME_S,
    EVENT_STRING_MAX_BYTES,
    METRIC_NAME_MAX_CHARS,
)

_ALLOWED = frozenset(
    {"properties", "time", "value", "value_currency", "unique_id", "backfill"}
    | {"metric", "profile"}
)


def require_profile(attributes: JsonObject, *, pointer: str) -> JsonObject:
    """Return the profile resource of an event or of a bulk row.

    Args:
        attributes: Member `attributes` of the event or row.
        pointer: JSON pointer of the attributes.

    Raises:
        ErrorResponse: 400, with all errors.
    """
    pointer = f"{pointer}/profile"
    item = bodies.required_object(
        bodies.required_object(
            attributes, "profile", pointer=pointer.removesuffix("/profile")
        ),
        "data",
        pointer=pointer,
    )
    bodies.check_type(item, kind="profile", pointer=f"{pointer}/data")
    profile = bodies.required_object(item, "attributes", pointer=f"{pointer}/data")
    item["meta"] = profile.pop(
        "meta", None
    )  # inside, unlike in a profile's own payload
    profile_rules.check_resource(item, pointer=f"{pointer}/data")
    if not profile_rules.has_identifier(item):
        detail = "At least one profile identifier is required."
        raise ErrorResponse(
            [invalid_input(detail, pointer=f"{pointer}/data/attributes")]
        )
    return item


def require_metric(attributes: JsonObject, *, pointer: str) -> str:
    """Return the metric name of an event.

    Raises:
        ErrorResponse: 400, with a pointer.
    """
    metric = bodies.required_object(attributes, "metric", pointer=pointer)
    item = bodies.required_object(metric, "data", pointer=f"{pointer}/metric")
    bodies.check_type(item, kind="metric", pointer=f"{pointer}/metric/data")
    attributes_pointer = f"{pointer}/metric/data/attributes"
    metric_attributes = bodies.required_object(
        item, "attributes", pointer=f"{pointer}/metric/data"
    )
    name = bodies.required_text(metric_attributes, "name", pointer=attributes_pointer)
    if len(name) > METRIC_NAME_MAX_CHARS:
        detail = "A metric name has fewer than 128 characters."
        raise ErrorResponse(
            [invalid_input(detail, pointer=f"{attributes_pointer}/name")]
        )
    return name


def find_errors(
    attributes: JsonObject, *, pointer: str, now_s: float
) -> list[JsonApiError]:
    """Return all errors of an event, except in profile and metric.

    Args:
        attributes: Member `attributes` of the event.
        pointer: JSON pointer of the attributes.
        now_s: Current time: events may lie up to one year ahead.
    """
    unknown_fields = [
        invalid_input(f"'{name}' is not a valid field.", pointer=f"{pointer}/{name}")
        for name in sorted(attributes.keys() - _ALLOWED)
    ]
    checks = {
        "time": _time_problem(attributes.get("time"), now_s=now_s),
        "value": _value_problem(attributes.get("value")),
        "unique_id": _text_problem(attributes.get("unique_id")),
        "value_currency": _text_problem(attributes.get("value_currency")),
        "properties": _properties_problem(attributes.get("properties")),
    }
    return unknown_fields + [
        invalid_input(detail, pointer=f"{pointer}/{name}")
        for name, detail in checks.items()
        if detail
    ]


def _time_problem(value: object, *, now_s: float) -> str:
    if value is None:
        return ""
    at_s = parse_seconds(value)
    if at_s is None:
        return "'time' must be an ISO 8601 timestamp."
    if not EVENT_MIN_TIME_S <= at_s <= now_s + EVENT_FUTURE_MAX_S:
        return "'time' must lie after 1990 and at most one year ahead."
    return ""


def _value_problem(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return "'value' must be a number."
    return ""


def _text_problem(value: object) -> str:
    return "" if value is None or isinstance(value, str) else "A string is required."


def _properties_problem(value: object) -> str:
    if not isinstance(value, dict):
        return "'properties' is a required object."
    if len(value) > EVENT_MAX_PROPERTIES:
        return f"An event has at most {EVENT_MAX_PROPERTIES} properties."
    for item, depth in _walk(value, depth=1):
        if depth > EVENT_MAX_DEPTH:
            return f"Properties nest at most {EVENT_MAX_DEPTH} deep."
        if isinstance(item, list) and len(item) > EVENT_ARRAY_MAX_ITEMS:
            return f"An array has at most {EVENT_ARRAY_MAX_ITEMS} items."
        if isinstance(item, str) and len(item.encode()) > EVENT_STRING_MAX_BYTES:
            return "A string has at most 100 KB."
    return ""


def _walk(value: object, *, depth: int) -> Iterator[tuple[object, int]]:
    """Yield every value with the depth, down to a level below the limit."""
    yield value, depth
    if depth > EVENT_MAX_DEPTH:
        return
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            item_depth = depth + isinstance(item, dict | list)
            yield from _walk(item, depth=item_depth)
