"""Klaviyo's limits for events, checked before events are sent.

The limits come from Klaviyo's events overview, section "Limitations", unless a constant
names another source.
"""

import math
from collections.abc import Iterable, Mapping

from streams.actions.intents import EventRecord
from streams.events.time import parse_timestamp_s
from streams.klaviyo.batching.items import list_identifiers

PROPERTIES_MAX = 400
STRING_MAX_BYTES = 100_000
ARRAY_MAX_ITEMS = 4_000
DEPTH_MAX = 10
"""Levels of nesting; the properties object is the first level."""

METRIC_MAX_CHARS = 127
"""OpenAPI, `name` of the metric: fewer than 128 characters."""

TIME_MIN_S = 631_152_000
"""1990-01-01T00:00:00Z. OpenAPI, `time`: after the year 1990."""

TIME_AHEAD_MAX_S = 366 * 86_400
"""OpenAPI, `time`: up to one year in the future; here the longest year."""

_SCALARS = (int, float, type(None))
"""Types of values without inner values; `bool` is an `int`."""

_UTF8_MAX_BYTES = 4
"""Largest number of bytes that one character takes (RFC 3629)."""


def event_fault(event: EventRecord, *, now_s: float | None) -> str:
    """Return the reason an event cannot be recorded; empty for a valid event.

    Args:
        event: The event.
        now_s: Current time; None leaves events with a future time to Klaviyo.
    """
    return (
        _metric_fault(event.metric)
        or _profile_fault(event.profile)
        or _time_fault(event.time, now_s=now_s)
        or _scalar_fault(event)
        or _properties_fault(event.properties)
    )


def _metric_fault(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        return "no-metric"
    return "metric-too-long: over 127 characters" * (len(name) > METRIC_MAX_CHARS)


def _profile_fault(profile: object) -> str:
    has_identifier = isinstance(profile, Mapping) and list_identifiers(profile)
    return "" if has_identifier else "no-identifier"


def _time_fault(time: object, *, now_s: float | None) -> str:
    if time is None or time == "":
        return ""
    time_s = parse_timestamp_s(time)
    if time_s is None:
        return "time-unreadable: not ISO 8601"
    if time_s < TIME_MIN_S:
        return "time-out-of-range: before 1990"
    if now_s is not None and time_s > now_s + TIME_AHEAD_MAX_S:
        return "time-out-of-range: more than a year ahead"
    return ""


def _scalar_fault(event: EventRecord) -> str:
    value: object = event.value
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return "value-not-a-number"
    if isinstance(value, float) and not math.isfinite(value):
        return "value-not-a-number"
    for name in ("unique_id", "value_currency"):
        if not isinstance(getattr(event, name), str | None):
            return f"not-text: {name}"
    return ""


def _properties_fault(properties: object) -> str:
    if not isinstance(properties, Mapping):
        return "properties-not-an-object"
    if len(properties) > PROPERTIES_MAX:
        return "too-many-properties: over 400"
    return _nested_fault(properties.values(), depth=1)


def _nested_fault(values: Iterable[object], *, depth: int) -> str:
    """Return the first fault of values on a level or below."""
    for value in values:
        if isinstance(value, str):
            if _is_too_long(value):
                return "string-too-long: over 100 KB"
        elif not isinstance(value, _SCALARS) and (
            fault := _container_fault(value, depth=depth + 1)
        ):
            return fault
    return ""


def _container_fault(value: object, *, depth: int) -> str:
    if not isinstance(value, Mapping | list | tuple):
        return ""
    if depth > DEPTH_MAX:
        return "properties-too-deep: over 10 levels"
    if not isinstance(value, Mapping) and len(value) > ARRAY_MAX_ITEMS:
        return "array-too-long: over 4,000 items"
    inner = value.values() if isinstance(value, Mapping) else value
    return _nested_fault(inner, depth=depth)


def _is_too_long(text: str) -> bool:
    if len(text) * _UTF8_MAX_BYTES <= STRING_MAX_BYTES:
        return False
    return len(text.encode(errors="replace")) > STRING_MAX_BYTES
