"""What Klaviyo takes as an event, judged before it is sent.

Source unless a line names another: Klaviyo's events overview, Limitations.
"""

import math
from collections.abc import Iterable, Mapping

from streams.klaviyo.event_items import EventItem
from streams.klaviyo.items import identifiers
from streams.klaviyo.moments import seconds

PROPERTIES_MAX = 400
STRING_MAX_BYTES = 100_000
ARRAY_MAX_ITEMS = 4_000
DEPTH_MAX = 10
"""The properties themselves are the first level."""

METRIC_MAX_CHARS = 127
"""OpenAPI, `name` of the metric: fewer than 128 characters."""

TIME_MIN_S = 631_152_000
"""1990-01-01T00:00:00Z. OpenAPI, `time`: after the year 1990."""

TIME_AHEAD_MAX_S = 366 * 86_400
"""OpenAPI, `time`: up to one year in the future; here the longest one."""

_SCALARS = (int, float, type(None))
"""What holds nothing; `bool` is an `int`."""

_UTF8_MAX_BYTES = 4
"""A character takes at most so many (RFC 3629)."""


def fault(item: EventItem, *, now_s: float | None) -> str:
    """Say why an event cannot be recorded; empty when it can.

    Args:
        item: The event.
        now_s: What time it is; None leaves events of the future to Klaviyo.
    """
    return (
        _wrong_metric(item.metric)
        or _wrong_profile(item.profile)
        or _wrong_time(item.time, now_s=now_s)
        or _wrong_scalar(item)
        or _wrong_properties(item.properties)
    )


def _wrong_metric(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        return "no-metric"
    return "metric-too-long: over 127 characters" * (len(name) > METRIC_MAX_CHARS)


def _wrong_profile(profile: object) -> str:
    named = isinstance(profile, Mapping) and identifiers(profile)
    return "" if named else "no-identifier"


def _wrong_time(time: object, *, now_s: float | None) -> str:
    if time is None or time == "":
        return ""
    at_s = seconds(time)
    if at_s is None:
        return "time-unreadable: not ISO 8601"
    if at_s < TIME_MIN_S:
        return "time-out-of-range: before 1990"
    if now_s is not None and at_s > now_s + TIME_AHEAD_MAX_S:
        return "time-out-of-range: more than a year ahead"
    return ""


def _wrong_scalar(item: EventItem) -> str:
    value: object = item.value
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return "value-not-a-number"
    if isinstance(value, float) and not math.isfinite(value):
        return "value-not-a-number"
    for name in ("unique_id", "value_currency"):
        if not isinstance(getattr(item, name), str | None):
            return f"not-text: {name}"
    return ""


def _wrong_properties(properties: object) -> str:
    if not isinstance(properties, Mapping):
        return "properties-not-an-object"
    if len(properties) > PROPERTIES_MAX:
        return "too-many-properties: over 400"
    return _wrong_inside(properties.values(), depth=1)


def _wrong_inside(values: Iterable[object], *, depth: int) -> str:
    """Say what is wrong with values of one level, or inside them."""
    for value in values:
        if isinstance(value, str):
            if _too_long(value):
                return "string-too-long: over 100 KB"
        elif not isinstance(value, _SCALARS) and (
            wrong := _wrong_container(value, depth=depth + 1)
        ):
            return wrong
    return ""


def _wrong_container(value: object, *, depth: int) -> str:
    if not isinstance(value, Mapping | list | tuple):
        return ""
    if depth > DEPTH_MAX:
        return "properties-too-deep: over 10 levels"
    if not isinstance(value, Mapping) and len(value) > ARRAY_MAX_ITEMS:
        return "array-too-long: over 4,000 items"
    inner = value.values() if isinstance(value, Mapping) else value
    return _wrong_inside(inner, depth=depth)


def _too_long(text: str) -> bool:
    if len(text) * _UTF8_MAX_BYTES <= STRING_MAX_BYTES:
        return False
    return len(text.encode(errors="replace")) > STRING_MAX_BYTES
