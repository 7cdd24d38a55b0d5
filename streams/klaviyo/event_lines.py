"""Events made ready to send: judged, encoded once, grouped by profile."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import orjson

from streams.klaviyo.event_items import EventItem, ProfileKey, profile_key
from streams.klaviyo.event_rules import fault
from streams.klaviyo.items import Profile
from streams.klaviyo.lane_quotas import CREATE_EVENTS
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.requests import profile_resource

ENVELOPE_BYTES = 200
"""What a request holds around one event and its profile, generously."""

_MERGED = ("properties", "location")
"""Attributes of a profile that are objects: Klaviyo merges them too."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One event, encoded.

    Attributes:
        index: Its place among the events the operation was given.
        key: Whose it is.
        profile: The profile as it was given.
        resource: The profile as bytes.
        attributes: The event's attributes as bytes, the profile apart.
    """

    index: int
    key: ProfileKey
    profile: Profile
    resource: bytes
    attributes: bytes

    @property
    def weight_bytes(self) -> int:
        """What it adds to a request at most."""
        return len(self.resource) + len(self.attributes) + ENVELOPE_BYTES


def prepare(
    items: Iterable[EventItem],
    *,
    ledger: Ledger,
    known_metrics: Container[str] | None,
    now_s: float | None,
) -> list[Line]:
    """Encode events; what cannot be sent becomes a dead letter at once."""
    lines = []
    for index, item in enumerate(items):
        line = _line(index, item, known_metrics=known_metrics, now_s=now_s)
        if isinstance(line, str):
            ledger.dead_letter(index, line)
        else:
            lines.append(line)
    return lines


def _line(
    index: int,
    item: EventItem,
    *,
    known_metrics: Container[str] | None,
    now_s: float | None,
) -> Line | str:
    wrong = fault(item, now_s=now_s)
    if wrong:
        return wrong
    if known_metrics is not None and item.metric not in known_metrics:
        return "unknown-metric"
    try:
        resource, attributes = profile_resource(item.profile), _attributes(item)
    except TypeError:
        return "not-json: the event holds what JSON cannot"
    line = Line(
        index=index,
        key=profile_key(item.profile),
        profile=item.profile,
        resource=resource,
        attributes=attributes,
    )
    fits = line.weight_bytes <= CREATE_EVENTS.limit.body_bytes
    return line if fits else "event-too-large: over 5 MB"


def _attributes(item: EventItem) -> bytes:
    metric = {"data": {"type": "metric", "attributes": {"name": item.metric}}}
    given = {
        "time": item.time or None,
        "unique_id": item.unique_id or None,
        "value": item.value,
        "value_currency": item.value_currency or None,
        "backfill": item.backfill or None,
    }
    said = {name: value for name, value in given.items() if value is not None}
    return orjson.dumps({"metric": metric, "properties": item.properties, **said})


Row: TypeAlias = tuple[Line, ...]
"""Events of one profile that go together."""


def rows_of(lines: Iterable[Line], *, alone: Container[ProfileKey]) -> list[Row]:
    """Group events by profile, in order; those of profiles in `alone` are apart."""
    grouped: dict[object, list[Line]] = {}
    for line in lines:
        key = line.index if line.key in alone else line.key
        grouped.setdefault(key, []).append(line)
    return list(map(tuple, grouped.values()))


def row_profile(row: Sequence[Line]) -> bytes:
    """Write the profile of a row; of what its events say of it, the last counts."""
    if all(line.resource == row[0].resource for line in row):
        return row[0].resource
    whole: dict[str, Any] = {}
    for line in row:
        for name, value in line.profile.items():
            whole[name] = _merged(name, whole.get(name), value)
    return profile_resource(whole)


def _merged(name: str, before: object, value: object) -> object:
    if isinstance(before, Mapping) and isinstance(value, Mapping) and name in _MERGED:
        return {**before, **value}
    return value
