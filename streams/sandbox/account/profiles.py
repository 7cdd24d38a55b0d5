"""Profiles of the account, and the indexes for finding profiles."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from streams.sandbox.jsonapi.messages import JsonObject

IDENTIFIERS = ("external_id", "email", "phone_number", "anonymous_id")
"""Attributes that belong to one profile only, highest first, as Klaviyo ranks them."""


@dataclass(slots=True, eq=False)
class StoredProfile:
    """Profile of the account.

    Attributes:
        id: Klaviyo's id.
        seq: Position in the order of creation.
        created_s: Time of creation.
        updated_s: Time of the last change.
        email: Lower-case address.
        phone_number: Phone number in E.164.
        external_id: Id in the caller's system.
        anonymous_id: Id of a device or browser.
        fields: Other attributes that are set, without `properties` and `location`.
        location: Members of the location that are set.
        properties: Custom properties.
        lists: Ids of the lists the profile is a member of.
        last_event_s: Time of the latest event.
    """

    id: str
    seq: int
    created_s: float
    updated_s: float
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    anonymous_id: str | None = None
    fields: JsonObject = field(default_factory=dict)
    location: JsonObject = field(default_factory=dict)
    properties: JsonObject = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)
    last_event_s: float | None = None


IdentifierListener: TypeAlias = Callable[[StoredProfile, str, str | None], None]
"""Called after the change of an identifier: profile, name, previous value."""


class Profiles:
    """All profiles; no identifier leads to two profiles.

    Args:
        on_identifier_change: Called when an update changes an identifier.
    """

    def __init__(self, on_identifier_change: IdentifierListener) -> None:
        self._on_identifier_change = on_identifier_change
        self._seq = count(1)
        self.last_seq = 0
        self.by_id: dict[str, StoredProfile] = {}
        self.by_email: dict[str, StoredProfile] = {}
        self.by_phone_number: dict[str, StoredProfile] = {}
        self.by_external_id: dict[str, StoredProfile] = {}
        self.by_anonymous_id: dict[str, StoredProfile] = {}
        self.indexes = {
            "external_id": self.by_external_id,
            "email": self.by_email,
            "phone_number": self.by_phone_number,
            "anonymous_id": self.by_anonymous_id,
        }

    def __len__(self) -> int:
        return len(self.by_id)

    def __iter__(self) -> Iterator[StoredProfile]:
        return iter(self.by_id.values())

    def clear(self) -> None:
        """Delete all profiles; the ids are never used again."""
        for index in (self.by_id, *self.indexes.values()):
            index.clear()

    def find_owners(self, attributes: JsonObject) -> list[StoredProfile]:
        """Return the distinct owners of the identifiers, highest identifier first.

        Args:
            attributes: Profile attributes, already validated.
        """
        return list(self.owners_by_identifier(attributes).values())

    def owners_by_identifier(self, attributes: JsonObject) -> dict[str, StoredProfile]:
        """Return the distinct owners, each under the owner's highest identifier.

        Args:
            attributes: Profile attributes, already validated.
        """
        owners: dict[str, StoredProfile] = {}
        for name, index in self.indexes.items():
            value = attributes.get(name)
            if value:
                owner = index.get(value.lower() if name == "email" else value)
                if owner is not None and owner not in owners.values():
                    owners[name] = owner
        return owners

    def owned_names(self, profile: StoredProfile, attributes: JsonObject) -> list[str]:
        """Return the names of the identifiers in `attributes` that a profile owns."""
        return [
            name
            for name, index in self.indexes.items()
            if (value := attributes.get(name))
            and index.get(value.lower() if name == "email" else value) is profile
        ]

    def create(self, attributes: JsonObject, *, now_s: float) -> StoredProfile:
        """Add a profile with identifiers that belong to no other profile.

        Args:
            attributes: Profile attributes, already validated.
            now_s: Creation time.
        """
        seq = self.last_seq = next(self._seq)
        profile = StoredProfile(f"01SANDBOX{seq:017d}", seq, now_s, now_s)
        self.by_id[profile.id] = profile
        self.update(profile, attributes, now_s=now_s)
        return profile

    def update(
        self, profile: StoredProfile, attributes: JsonObject, *, now_s: float
    ) -> None:
        """Set present attributes, clear null attributes, keep absent attributes.

        Args:
            profile: Profile to change.
            attributes: Profile attributes, already validated, without identifiers of
                other profiles.
            now_s: Time of the change.
        """
        profile.updated_s = now_s
        for name, value in attributes.items():
            if name in self.indexes:
                previous = getattr(profile, name)
                self._set_identifier(profile, name, value)
                if getattr(profile, name) != previous:
                    self._on_identifier_change(profile, name, previous)
            elif name == "properties":
                _merge(profile.properties, value)
            elif name == "location":
                _merge(profile.location, value)
            elif name == "_kx":
                continue  # an encrypted id that only Klaviyo can read
            elif value is None:
                profile.fields.pop(name, None)
            else:
                profile.fields[name] = value

    def without_taken(
        self, attributes: JsonObject, *, profile: StoredProfile | None
    ) -> JsonObject:
        """Return the attributes without identifiers that belong to other profiles."""
        owners = {
            name: owner
            for name in self.indexes
            for owner in self.find_owners({name: attributes.get(name)})
        }
        return {
            name: value
            for name, value in attributes.items()
            if owners.get(name, profile) is profile
        }

    def remove(self, profile: StoredProfile) -> None:
        """Delete a profile, and free the identifiers."""
        del self.by_id[profile.id]
        for name in self.indexes:
            self._set_identifier(profile, name, None)

    def _set_identifier(
        self, profile: StoredProfile, name: str, value: str | None
    ) -> None:
        index = self.indexes[name]
        previous = getattr(profile, name)
        if name == "email" and value:
            value = value.lower()
        if previous == value:
            return
        if previous:
            index.pop(previous, None)
        if value:
            index[value] = profile
        setattr(profile, name, value or None)


def _merge(into: JsonObject, change: JsonObject | None) -> None:
    """Merge only the top level: null clears a key, an absent key stays."""
    if change is None:
        into.clear()
        return
    for name, value in change.items():
        if value is None:
            into.pop(name, None)
        else:
            into[name] = value
