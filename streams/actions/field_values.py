"""Values of a payload made to fit; `UNFIT` where they can't be."""

import re
from enum import Enum
from typing import Any, Final

from streams.events.iso_time import to_iso_time
from streams.mapping.text import number_text

Json = Any


class Unfit(Enum):
    """The one value that says another did not fit."""

    UNFIT = "unfit"


UNFIT: Final = Unfit.UNFIT

_NUMBER: Final = re.compile(
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*"
).fullmatch
_NUMBER_MAX_CHARS: Final = 400
"""Ours: a float has at most 309 digits before the point."""

_BOOLEANS: Final[dict[str | float, bool]] = {
    "true": True,
    "false": False,
    0: False,
    1: True,
}
_PERSON_TEXTS: Final = (
    "email",
    "phone_number",
    "external_id",
    "anonymous_id",
    "country_code",
)
LOCATION_TEXTS: Final = (
    "address1",
    "address2",
    "city",
    "country",
    "region",
    "zip",
    "latitude",
    "longitude",
    "timezone",
    "ip",
)
"""Members of a profile's location, Klaviyo OpenAPI 2026-07-15."""


def to_text(value: Json) -> str | Unfit:
    """Give text; a number or a boolean is written as JavaScript writes it."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return UNFIT


def to_texts(value: Json) -> tuple[str, ...] | Unfit:
    """Give some text; one stands for a list of one, null and empty ones are dropped."""
    items = value if isinstance(value, list) else [value]
    converted = [to_text(item) for item in items if item is not None and item != ""]
    if UNFIT in converted:
        return UNFIT
    return tuple(item for item in converted if isinstance(item, str))


def to_number(value: Json) -> float | Unfit:
    """Give a number; text is read as one, a boolean is 1 or 0."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
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
    """Give a boolean; `"true"`, `"false"`, 1 and 0 are read as one."""
    if isinstance(value, bool):
        return value
    converted = _BOOLEANS.get(value) if isinstance(value, str | int | float) else None
    return UNFIT if converted is None else converted


def to_time(value: Json) -> str | Unfit:
    """Give ISO 8601 in UTC."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return UNFIT
    return to_iso_time(value) or UNFIT


def to_object(value: Json) -> dict[str, Json] | Unfit:
    """Give an object as it is."""
    return value if isinstance(value, dict) else UNFIT


def to_objects(value: Json) -> tuple[tuple[int, dict[str, Json]], ...] | Unfit:
    """Give objects with their lines, from 1; a lone one is line 1, null is dropped."""
    items = value if isinstance(value, list) else [value]
    numbered = [
        (line, item) for line, item in enumerate(items, start=1) if item is not None
    ]
    if not all(isinstance(item, dict) for _, item in numbered):
        return UNFIT
    return tuple(numbered)


def to_location(value: Json) -> dict[str, str] | Unfit:
    """Give an address: Klaviyo's members only, all text."""
    if not isinstance(value, dict):
        return UNFIT
    location = {}
    for name in LOCATION_TEXTS:
        raw = value.get(name)
        if raw is None or raw == "":
            continue
        converted = to_text(raw)
        if converted is UNFIT:
            return UNFIT
        location[name] = converted
    return location


def to_person(value: Json) -> dict[str, Json] | Unfit:
    """Give whose an event is: identifiers as text, all else as it is, null too."""
    if not isinstance(value, dict):
        return UNFIT
    person = dict(value)
    for name in _PERSON_TEXTS:
        raw = person.pop(name, None)
        if raw is None or raw == "":
            continue
        converted = to_text(raw)
        if converted is UNFIT:
            return UNFIT
        person[name] = converted
    return person
