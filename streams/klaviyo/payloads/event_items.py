"""Events to record, as values."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from streams.klaviyo.batching.items import (
    Identifier,
    Profile,
    list_identifiers,
    normalize_identifier,
)

ProfileKey: TypeAlias = tuple[Identifier, ...]
"""All identifiers of a profile."""


class EventItem(msgspec.Struct, frozen=True, kw_only=True):
    """One event to record.

    Attributes:
        metric: Name of the metric; case matters.
        profile: Klaviyo's profile attributes, with at least one identifier, and `id`
            where it is known.
        properties: Properties of the event.
        time: When it happened, ISO 8601; empty means now.
        unique_id: What tells it from others of the same profile and metric; without
            it one event a second survives.
        value: Monetary value.
        value_currency: ISO 4217 code of the value.
        backfill: Record it without firing flows.
    """

    metric: str
    profile: Profile
    properties: Mapping[str, Any] = {}
    time: str | None = None
    unique_id: str | None = None
    value: float | None = None
    value_currency: str | None = None
    backfill: bool = False


def duplicate_key(item: EventItem) -> tuple[ProfileKey, str, str] | None:
    """Tell events apart as Klaviyo does; None without a unique id."""
    key_fields: tuple[object, ...] = (item.profile, item.metric, item.unique_id)
    match key_fields:
        case Mapping(), str(), str() if item.unique_id:
            return profile_key(item.profile), item.metric, item.unique_id
        case _:
            return None


def profile_key(profile: Profile) -> ProfileKey:
    """Tell profiles apart by all of their identifiers."""
    return tuple(map(normalize_identifier, list_identifiers(profile)))
