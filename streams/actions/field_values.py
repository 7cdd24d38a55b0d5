"""Conversion of a payload's values to the kinds of fields.

A producer writes false, 0 or an object where it has no text: as text, that would name a
profile `false`, or a list `[object Object]`.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from streams.events.identifiers import normalize_email
from streams.events.time import to_iso_time
from streams.mapping.text import number_text
from streams.mapping.values import Json


class Unfit(Enum):
    """Type of `UNFIT`, the result for a value that cannot be converted."""

    UNFIT = "unfit"


UNFIT: Final = Unfit.UNFIT


class Converted(NamedTuple):
    """Converted object, without the members that could not be converted.

    Attributes:
        value: The members that could be converted.
        dropped: Names of the members that were left out.
    """

    value: dict[str, Json]
    dropped: tuple[str, ...] = ()


_NUMBER: Final = re.compile(
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*"
).fullmatch
_TIME_TYPES: Final = (str, int, float)
_NUMBER_MAX_CHARS: Final = 400
"""Ours: a float has at most 309 digits before the point."""

_BOOLEANS: Final[dict[str | float, bool]] = {
    "true": True,
    "false": False,
    0: False,
    1: True,
}
TEXT_ATTRIBUTES: Final = (
    "first_name",
    "last_name",
    "organization",
    "title",
    "image",
    "locale",
)
"""Attributes of a profile that are plain text, Klaviyo OpenAPI 2026-07-15."""

_LOCATION_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "address1": ("address1", "street", "street1", "line1"),
    "address2": ("address2", "street2", "line2"),
    "city": ("city",),
    "country": ("country",),
    "region": ("region", "state"),
    "zip": ("zip", "postalCode", "postal_code"),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
    "timezone": ("timezone",),
    "ip": ("ip",),
}
"""Member of a profile's location, Klaviyo OpenAPI 2026-07-15 -> names in events."""

_MEMBERS: Final = {
    spelling: name
    for name, spellings in _LOCATION_SPELLINGS.items()
    for spelling in spellings
}
"""Name in events -> member of a profile's location."""

NO_ADDRESS: Final = dict.fromkeys(
    ("address1", "address2", "city", "country", "region", "zip")
)
"""Location that clears a profile's postal address."""

_DEGREES: Final = frozenset({"latitude", "longitude"})
"""Members for which 0 is a value: the equator, the meridian of Greenwich."""


def to_text(value: Json) -> str | Unfit:
    """Convert a value to text; a number other than 0 in the format of JavaScript."""
    if type(value) is str:
        return value
    is_number = type(value) is int or type(value) is float
    return number_text(value) if is_number and value else UNFIT


def to_email(value: Json) -> str | Unfit:
    """Convert an e-mail address to text; a list holds candidates.

    The first valid candidate is taken; the result is empty if nothing claims to be an
    address. Engage's external ids may be a candidate as they are.
    """
    if not isinstance(value, list):
        return to_text(value)
    has_candidates = False
    for item in value:
        for candidate in _emails_among(item) if isinstance(item, list) else (item,):
            if isinstance(candidate, str) and normalize_email(candidate):
                return candidate
            has_candidates |= candidate is not None and candidate != ""
    return UNFIT if has_candidates else ""


def _emails_among(external_ids: list[Json]) -> list[Json]:
    return [
        external_id.get("id")
        for external_id in external_ids
        if isinstance(external_id, dict) and external_id.get("type") == "email"
    ]


def to_texts(value: Json) -> tuple[str, ...] | Unfit:
    """Convert a value to texts; a single value is a list, empty texts are dropped."""
    items = value if isinstance(value, list) else [value]
    converted = [to_text(item) for item in items if item is not None and item != ""]
    if UNFIT in converted:
        return UNFIT
    return tuple(item for item in converted if isinstance(item, str))


def to_number(value: Json) -> float | Unfit:
    """Convert a value to a number; numeric text is parsed, a boolean is 1 or 0."""
    if type(value) is bool:
        return int(value)
    if type(value) is int or type(value) is float:
        return value
    if not isinstance(value, str) or len(value) > _NUMBER_MAX_CHARS:
        return UNFIT
    if not _NUMBER(value):
        return UNFIT
    converted = float(value)
    if converted in (float("inf"), float("-inf")):
        return UNFIT
    return int(converted) if converted.is_integer() else converted


def to_boolean(value: Json) -> bool | Unfit:
    """Convert a value to a boolean; `"true"`, `"false"`, 1 and 0 are accepted."""
    if isinstance(value, bool):
        return value
    converted = _BOOLEANS.get(value) if isinstance(value, str | int | float) else None
    return UNFIT if converted is None else converted


def to_time(value: Json) -> str | Unfit:
    """Convert a time to ISO 8601 in UTC."""
    if type(value) not in _TIME_TYPES:
        return UNFIT
    return to_iso_time(value) or UNFIT


def to_object(value: Json) -> dict[str, Json] | Unfit:
    """Return an object unchanged."""
    return value if isinstance(value, dict) else UNFIT


def to_objects(value: Json) -> tuple[tuple[int, dict[str, Json]], ...] | Unfit:
    """Return objects with line numbers, from 1; a single object is line 1.

    Null is dropped, but counts as a line.
    """
    items = value if isinstance(value, list) else [value]
    numbered = [
        (line, item) for line, item in enumerate(items, start=1) if item is not None
    ]
    if not all(isinstance(item, dict) for _, item in numbered):
        return UNFIT
    return tuple(numbered)


def to_location(value: Json) -> Converted | Unfit:
    """Convert an address: only the members that Klaviyo has, all as text.

    Text is the first line. The member `address` may hold a trait as it is: text, or an
    object, in which null clears a member.
    """
    if isinstance(value, str):
        return Converted({"address1": value})
    if not isinstance(value, dict):
        return UNFIT
    trait = value.get("address")
    if isinstance(trait, dict):
        location, dropped = _location_texts(trait)
        if len(value) > 1:
            outer, outer_dropped = _location_texts(_without_trait(value))
            location, dropped = {**outer, **location}, (*outer_dropped, *dropped)
        if None in trait.values():
            location = {**dict.fromkeys(_null_members(trait)), **location}
        return Converted(location, dropped)
    location, dropped = _location_texts(_without_trait(value))
    if isinstance(trait, str) and trait:
        location["address1"] = trait
    elif trait is not None and trait != "":
        dropped = (*dropped, "location")
    return Converted(location, dropped)


def _without_trait(value: dict[str, Json]) -> dict[str, Json]:
    return {name: raw for name, raw in value.items() if name != "address"}


def _location_texts(value: dict[str, Json]) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Return the members as text, and the names for members that were left out."""
    location: dict[str, Json] = {}
    dropped = []
    for spelling, raw in value.items():
        name = _MEMBERS.get(spelling)
        if name is None:
            dropped.append("location-member")
        elif type(raw) is str and raw and spelling == name:  # the first spelling
            location[name] = raw
        elif name not in location:
            text = _member_text(value, name)
            if text is UNFIT:
                dropped.append("location")
            elif text:
                location[name] = text
    return location, tuple(dropped)


def _member_text(value: dict[str, Json], name: str) -> str | Unfit:
    """Return a member of a location as text; empty if no spelling has a value."""
    given = map(value.get, _LOCATION_SPELLINGS[name])
    values = [raw for raw in given if raw is not None and raw != ""]
    if not values:
        return ""
    if name in _DEGREES and _is_zero(values[0]):
        return "0"
    return next((text for text in map(to_text, values) if text is not UNFIT), UNFIT)


def _null_members(address: dict[str, Json]) -> list[str]:
    """Return the members of a location that an address names as null."""
    return [
        name
        for name, spellings in _LOCATION_SPELLINGS.items()
        if any(name in address and address[name] is None for name in spellings)
    ]


def _is_zero(value: Json) -> bool:
    return isinstance(value, int | float) and value is not False and value == 0


def to_person(value: Json) -> Converted | Unfit:
    """Convert the person of an event; members without an attribute are unchanged.

    An attribute that is null or empty counts as absent.
    """
    if not isinstance(value, dict):
        return UNFIT
    person: dict[str, Json] = {}
    dropped: list[str] = []
    for name, raw in value.items():
        convert = _PERSON_CONVERTERS.get(name)
        if convert is None:
            person[name] = raw
            continue
        if raw is None or raw == "":
            continue
        converted = convert(raw)
        if converted is UNFIT:
            dropped.append(name)
        elif isinstance(converted, Converted):
            person[name] = converted.value
            dropped += converted.dropped
        elif converted != "":
            person[name] = converted
    return Converted(person, tuple(dropped))


_PERSON_CONVERTERS: Final[dict[str, Callable[[Json], str | Converted | Unfit]]] = {
    "email": to_email,
    "location": to_location,
    **dict.fromkeys(
        ("phone_number", "external_id", "anonymous_id", "country_code"), to_text
    ),
    **dict.fromkeys(TEXT_ATTRIBUTES, to_text),
}
"""Attribute of an event's person -> conversion of its value."""
