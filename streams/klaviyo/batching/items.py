"""Preparation of profiles: encoding, size check and identifiers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from streams.klaviyo.api.endpoints import IMPORT_PROFILES
from streams.klaviyo.api.requests import profile_resource
from streams.klaviyo.batching.verdicts import VerdictCollector

Profile: TypeAlias = Mapping[str, Any]
"""Klaviyo's profile attributes, and `id` if available."""

Identifier: TypeAlias = tuple[str, str]
"""Field and value, for example ("email", "jane@example.com")."""

LOOKUP_FIELDS = ("external_id", "email", "phone_number")
"""Fields that a profile is looked up by, best first."""

_IDENTITY_FIELDS = ("id", *LOOKUP_FIELDS, "anonymous_id", "_kx")
"""Identifier fields, from Klaviyo's profiles overview."""


class ProfileItem(msgspec.Struct, frozen=True, kw_only=True):
    """Profile of an operation, with an index.

    Attributes:
        index: Index among the profiles of the operation.
        profile: Profile attributes.
        resource: Encoded profile, if the profile is to be sent.
    """

    index: int
    profile: Profile
    resource: bytes = b""


def list_identifiers(
    profile: Profile, *, fields: Sequence[str] = _IDENTITY_FIELDS
) -> list[Identifier]:
    """Return a profile's identifiers, best first."""
    identifiers = []
    for field in fields:
        value = profile.get(field)
        if isinstance(value, str) and value.strip():
            identifiers.append((field, value))
    return identifiers


def normalize_identifier(identifier: Identifier) -> Identifier:
    """Return an identifier as Klaviyo stores identifiers: e-mail in lower case."""
    field, value = identifier
    return (field, value.strip().lower()) if field == "email" else identifier


def prepare_items(
    profiles: Iterable[Profile], *, verdicts: VerdictCollector
) -> list[ProfileItem]:
    """Encode profiles; a profile that cannot be sent becomes a dead letter."""
    items = []
    for index, profile in enumerate(profiles):
        item = _prepare_item(index, profile)
        if isinstance(item, str):
            verdicts.mark_dead_letter(index, item)
        else:
            items.append(item)
    return items


def _prepare_item(index: int, profile: Profile) -> ProfileItem | str:
    if not list_identifiers(profile):
        return "no-identifier"
    try:
        resource = profile_resource(profile)
    except TypeError:
        return "not-json: the profile holds a value that JSON cannot express"
    if len(resource) > IMPORT_PROFILES.limit.item_bytes:
        return "profile-too-large: over 100 KB"
    return ProfileItem(index=index, profile=profile, resource=resource)


def split_into_rounds(items: Iterable[ProfileItem]) -> list[list[ProfileItem]]:
    """Split items into rounds in which no identifier occurs twice.

    Klaviyo runs jobs, and the lines of a job, in any order, so the second of two items
    for one profile must wait for the next round. The order of items is kept.
    """
    rounds: list[list[ProfileItem]] = []
    last_round: dict[Identifier, int] = {}
    for item in items:
        identifiers = [
            normalize_identifier(identifier)
            for identifier in list_identifiers(item.profile)
        ]
        number = 1 + max(last_round.get(identifier, -1) for identifier in identifiers)
        last_round.update(dict.fromkeys(identifiers, number))
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(item)
    return rounds


def item_indices(items: Iterable[ProfileItem]) -> list[int]:
    """Return the indexes of items."""
    return [item.index for item in items]
