"""Writes to profiles by identifiers: create, update, fold, or refuse."""

from dataclasses import dataclass

from streams.sandbox.account.consent import Consents
from streams.sandbox.account.events import Events
from streams.sandbox.account.lists import Lists
from streams.sandbox.account.profile_rules import patched_properties
from streams.sandbox.account.profiles import IDENTIFIERS, Profiles, StoredProfile
from streams.sandbox.account.resolution import (
    ProfileResolution,
    conflict_error,
    resolve,
    resolve_activity,
)
from streams.sandbox.jsonapi.errors import JsonApiError, not_found
from streams.sandbox.jsonapi.messages import JsonObject
from streams.sandbox.switches import Switches

MERGE_METRIC = "Merged Profile"
"""Metric of the event that Klaviyo records when it merges two profiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Writer of profiles that knows all that belongs to a profile.

    Attributes:
        profiles: All profiles of the account.
        lists: Lists whose members a fold replaces.
        events: Events that a fold moves.
        consents: Consent that a fold merges.
        switches: Switches of the account.
    """

    profiles: Profiles
    lists: Lists
    events: Events
    consents: Consents
    switches: Switches

    def upsert(
        self, item: JsonObject, *, now_s: float, pointer: str = "/data"
    ) -> StoredProfile | JsonApiError:
        """Create or update the profile that a resource identifies.

        Args:
            item: Profile resource, already validated.
            now_s: Time of the change.
            pointer: JSON pointer of the resource.

        Returns:
            The profile, or 404 for an unknown id, or 409 if the identifiers belong to
            profiles that stay separate.
        """
        profile_id = item.get("id")
        if profile_id and profile_id not in self.profiles.by_id:
            return not_found("profile", profile_id, pointer=f"{pointer}/id")
        resolution = resolve(self.profiles, item, switches=self.switches)
        if resolution.chosen and resolution.conflicting:
            owners = (resolution.chosen, *resolution.conflicting)
            return conflict_error(owners, switches=self.switches, pointer=pointer)
        return self.write(resolution, meta=item.get("meta"), now_s=now_s)

    def import_profile(
        self, item: JsonObject, *, now_s: float, pointer: str = "/data"
    ) -> StoredProfile | JsonApiError:
        """Upsert a profile of profile-import or of a bulk import."""
        result = self.upsert(item, now_s=now_s, pointer=pointer)
        profile_id = item.get("id")
        if isinstance(result, StoredProfile) or not profile_id:
            return result
        if self.switches.id_conflict == "not-found":
            return not_found("profile", profile_id, pointer=f"{pointer}/id")
        return result

    def resolve_activity(self, item: JsonObject) -> ProfileResolution:
        """Resolve the profile of an event or of a consent row."""
        return resolve_activity(self.profiles, item, switches=self.switches)

    def write(
        self, resolution: ProfileResolution, *, now_s: float, meta: object = None
    ) -> StoredProfile:
        """Fold and write; conflicting profiles keep the identifiers in conflict.

        Args:
            resolution: Profiles to write and to fold, and the attributes.
            now_s: Time of the change.
            meta: Member `meta` of the resource.
        """
        profile, attributes = resolution.chosen, resolution.attributes
        if profile is not None:
            for source in resolution.folded:
                self.fold(source, into=profile, now_s=now_s, attributes=attributes)
        accepted = self.profiles.without_taken(attributes, profile=profile)
        if profile is None:
            profile = self.profiles.create(accepted, now_s=now_s)
        else:
            self.profiles.update(profile, accepted, now_s=now_s)
        changes = patched_properties(profile, meta)
        if changes:
            self.profiles.update(profile, {"properties": changes}, now_s=now_s)
        return profile

    def fold(
        self,
        source: StoredProfile,
        *,
        into: StoredProfile,
        now_s: float,
        attributes: JsonObject | None = None,
    ) -> None:
        """Merge a profile into another by Klaviyo's rules for merges, and delete it.

        Args:
            source: Profile that is deleted.
            into: Profile that stays; its own values win.
            now_s: Time of the merge.
            attributes: Attributes of the request that causes the fold. Identifiers of
                the source in them replace those of the profile that stays.
        """
        for name in self.profiles.owned_names(source, attributes or {}):
            self.profiles.update(into, {name: None}, now_s=now_s)
        inherited = self._inherited_identifiers(source, into)
        self._merge_consent(source, into)
        self.events.move_to_profile(source.id, into_id=into.id)
        self.lists.replace_member(source, into, now_s=now_s)
        self.profiles.remove(source)
        self.profiles.update(into, inherited, now_s=now_s)
        _fill_gaps(source, into)
        metric = self.events.get_or_create_metric(MERGE_METRIC, now_s=now_s)
        self.events.record(
            {"unique_id": source.id, "properties": {"source_profile_id": source.id}},
            profile_id=into.id,
            metric=metric,
            time_s=int(now_s),
        )

    def _inherited_identifiers(
        self, source: StoredProfile, into: StoredProfile
    ) -> JsonObject:
        latest = self.switches.merge_external_id == "latest"
        source_wins = latest and source.updated_s > into.updated_s
        return {
            name: getattr(source, name)
            for name in IDENTIFIERS
            if getattr(source, name)
            and (getattr(into, name) is None or (name == "external_id" and source_wins))
        }

    def _merge_consent(self, source: StoredProfile, into: StoredProfile) -> None:
        """Merge consent, except that of an address that the profile does not get."""
        if into.phone_number not in (None, source.phone_number):
            self.consents.state_of(source.id).take_channel("sms")
        keeps_email = into.email not in (None, source.email)
        if keeps_email and self.switches.email_change_consent == "goes-with-address":
            self.consents.change_email(source.id, previous=source.email, email=None)
        self.consents.merge(source.id, into_id=into.id)


def _fill_gaps(source: StoredProfile, into: StoredProfile) -> None:
    """Keep the fuller location with the source's time zone, and fill all other gaps."""
    into.fields = source.fields | into.fields
    into.properties = source.properties | into.properties
    if len(source.location) > len(into.location):
        into.location = dict(source.location)
    if source.location.get("timezone"):
        into.location["timezone"] = source.location["timezone"]
    times = [at_s for at_s in (source.last_event_s, into.last_event_s) if at_s]
    into.last_event_s = max(times, default=None)
