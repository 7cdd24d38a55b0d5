"""Choice of the profile that a request means, by Klaviyo's ranking of identifiers.

The rules, their evidence and the unsettled points: `streams/sandbox/IDENTITY.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from streams.sandbox.account.profiles import IDENTIFIERS, Profiles, StoredProfile
from streams.sandbox.jsonapi.errors import JsonApiError, duplicate_profile
from streams.sandbox.jsonapi.messages import JsonObject
from streams.sandbox.switches import Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileResolution:
    """Profiles that a request means.

    Attributes:
        attributes: Attributes to write.
        chosen: Profile to write; None if the request means a new profile.
        chosen_by: Identifier by which the profile was chosen, or `id`.
        folded: Profiles to fold into the chosen profile.
        conflicting: Other profiles that own an identifier of the request, and are
            known by a higher identifier of their own.
    """

    attributes: JsonObject
    chosen: StoredProfile | None = None
    chosen_by: str = ""
    folded: tuple[StoredProfile, ...] = ()
    conflicting: tuple[StoredProfile, ...] = ()


def resolve(
    profiles: Profiles, item: JsonObject, *, switches: Switches
) -> ProfileResolution:
    """Choose the owner of the highest identifier, and judge the other owners.

    Args:
        profiles: All profiles of the account.
        item: Profile resource, already validated.
        switches: Decide what Klaviyo does not document.
    """
    attributes: JsonObject = item.get("attributes") or {}
    owners = profiles.owners_by_identifier(attributes)
    profile = profiles.by_id.get(item.get("id") or "")
    if profile is not None:
        others = {name: one for name, one in owners.items() if one is not profile}
        owners = {"id": profile, **others}
    if not owners:
        return ProfileResolution(attributes=attributes)
    (chosen_by, chosen), *rest = owners.items()
    folded, conflicting = [], []
    for name, owner in rest:
        if name == "anonymous_id" and switches.anonymous_fold == "keep":
            continue
        if _is_folded(owner, name, chosen_by=chosen_by, switches=switches):
            folded.append(owner)
        else:
            conflicting.append(owner)
    return ProfileResolution(
        attributes=attributes,
        chosen=chosen,
        chosen_by=chosen_by,
        folded=tuple(folded),
        conflicting=tuple(conflicting),
    )


def _is_folded(
    owner: StoredProfile, name: str, *, chosen_by: str, switches: Switches
) -> bool:
    """Return True if a lower identifier's owner is folded into the chosen profile."""
    if highest_identifier(owner) != name:
        return False
    if chosen_by == "external_id":
        return switches.external_id_fold == "fold"
    if chosen_by == "id" and name in ("external_id", "email"):
        return switches.beside_id == "fold"
    return True


def highest_identifier(profile: StoredProfile) -> str:
    """Return the name of the highest identifier of a profile; empty without any."""
    return next((name for name in IDENTIFIERS if getattr(profile, name)), "")


def resolve_activity(
    profiles: Profiles, item: JsonObject, *, switches: Switches
) -> ProfileResolution:
    """Resolve the profile of an event or of a consent row, without a refusal."""
    resolution = resolve(profiles, item, switches=switches)
    chosen, attributes = resolution.chosen, resolution.attributes
    if chosen is None:
        return resolution
    is_new = ProfileResolution(attributes=attributes)
    if resolution.chosen_by == "anonymous_id" and switches.anonymous_fold == "keep":
        return is_new if any(map(attributes.get, IDENTIFIERS[:-1])) else resolution
    takes_phone = resolution.chosen_by == "phone_number" and attributes.get("email")
    if not takes_phone or not chosen.email or switches.taken_phone == "rewrite":
        return resolution
    if switches.taken_phone == "new":
        return is_new
    kept = {name: value for name, value in attributes.items() if name != "email"}
    return replace(resolution, attributes=kept)


def conflict_error(
    owners: Sequence[StoredProfile], *, switches: Switches, pointer: str = "/data"
) -> JsonApiError:
    """Return the 409 of a request with identifiers that belong to other profiles.

    Args:
        owners: Owners of the identifiers, the chosen one first.
        switches: Decide which owner the error names.
        pointer: JSON pointer of the resource.
    """
    pointer = f"{pointer}/attributes"
    if switches.conflict_names == "none":
        return duplicate_profile("", pointer=pointer)
    other = owners[
        0 if switches.conflict_names == "chosen" else min(1, len(owners) - 1)
    ]
    return duplicate_profile(other.id, pointer=pointer)
