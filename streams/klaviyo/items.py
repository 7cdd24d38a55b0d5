"""Profiles made ready to send: encoded once, weighed, told apart."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from streams.klaviyo.ledger import Ledger
from streams.klaviyo.quotas import IMPORT_PROFILES
from streams.klaviyo.requests import profile_resource

Profile: TypeAlias = Mapping[str, Any]
"""Klaviyo's profile attributes, and `id` where it is known."""

Identifier: TypeAlias = tuple[str, str]
"""A field and its value, for example ("email", "jane@example.com")."""

LOOKUP_FIELDS = ("external_id", "email", "phone_number")
"""What a profile is looked up by, best first."""

_IDENTITY_FIELDS = ("id", *LOOKUP_FIELDS, "anonymous_id", "_kx")
"""Klaviyo's profiles overview, identifiers."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One profile of an operation.

    Attributes:
        index: Its place among the profiles the operation was given.
        profile: The profile.
        resource: The profile as bytes, where it is to be sent.
    """

    index: int
    profile: Profile
    resource: bytes = b""


def identifiers(
    profile: Profile, *, fields: Sequence[str] = _IDENTITY_FIELDS
) -> list[Identifier]:
    """List a profile's identifiers, best first."""
    found = []
    for field in fields:
        value = profile.get(field)
        if isinstance(value, str) and value.strip():
            found.append((field, value))
    return found


def folded(identifier: Identifier) -> Identifier:
    """Write an identifier as Klaviyo keeps it: an email in lower case."""
    field, value = identifier
    return (field, value.strip().lower()) if field == "email" else identifier


def prepare(profiles: Iterable[Profile], *, ledger: Ledger) -> list[Item]:
    """Encode profiles; what cannot be sent becomes a dead letter at once."""
    items = []
    for index, profile in enumerate(profiles):
        item = _item(index, profile)
        if isinstance(item, str):
            ledger.dead_letter(index, item)
        else:
            items.append(item)
    return items


def _item(index: int, profile: Profile) -> Item | str:
    if not identifiers(profile):
        return "no-identifier"
    try:
        resource = profile_resource(profile)
    except TypeError:
        return "not-json: the profile holds what JSON cannot"
    if len(resource) > IMPORT_PROFILES.limit.item_bytes:
        return "profile-too-large: over 100 KB"
    return Item(index=index, profile=profile, resource=resource)


def rounds(items: Iterable[Item]) -> list[list[Item]]:
    """Part items so that no identifier occurs twice in a round, keeping their order.

    Two jobs, and two lines of one job, run in no promised order: the second of two
    items for one profile waits for the next round.
    """
    parted: list[list[Item]] = []
    last_round: dict[Identifier, int] = {}
    for item in items:
        names = [folded(name) for name in identifiers(item.profile)]
        number = 1 + max(last_round.get(name, -1) for name in names)
        last_round.update(dict.fromkeys(names, number))
        if number == len(parted):
            parted.append([])
        parted[number].append(item)
    return parted


def indices(items: Iterable[Item]) -> list[int]:
    """List the places of items."""
    return [item.index for item in items]
