"""Create or update a profile from a profile resource."""

from streams.sandbox.account.profiles import Profiles, StoredProfile
from streams.sandbox.jsonapi.errors import JsonApiError, duplicate_profile, not_found
from streams.sandbox.jsonapi.messages import JsonObject


def upsert(
    profiles: Profiles, item: JsonObject, *, now_s: float, pointer: str = "/data"
) -> StoredProfile | JsonApiError:
    """Create or update the profile that a resource identifies.

    Args:
        profiles: All profiles of the account.
        item: Profile resource, already validated.
        now_s: Time of the change.
        pointer: JSON pointer of the resource.

    Returns:
        The profile, or 404 for an unknown id, or 409 if the identifiers belong to more
        than one profile.
    """
    attributes: JsonObject = item.get("attributes") or {}
    owners = profiles.find_owners(attributes)
    profile_id = item.get("id")
    if profile_id:
        profile = profiles.by_id.get(profile_id)
        if profile is None:
            return not_found("profile", profile_id, pointer=f"{pointer}/id")
        owners = [profile, *(owner for owner in owners if owner is not profile)]
    if len(owners) > 1:
        return duplicate_profile(owners[1].id, pointer=f"{pointer}/attributes")
    return _create_or_update(profiles, item, owners=owners, now_s=now_s)


def _create_or_update(
    profiles: Profiles, item: JsonObject, *, owners: list[StoredProfile], now_s: float
) -> StoredProfile:
    attributes: JsonObject = item.get("attributes") or {}
    if owners:
        profile = owners[0]
        profiles.update(profile, attributes, now_s=now_s)
    else:
        profile = profiles.create(attributes, now_s=now_s)
    if "meta" in item:
        changes = patched_properties(profile, item["meta"])
        profiles.update(profile, {"properties": changes}, now_s=now_s)
    return profile


def patched_properties(profile: StoredProfile | None, meta: object) -> JsonObject:
    """Return the property changes that `meta.patch_properties` describes.

    Args:
        profile: Profile before the change; None if the profile does not exist yet.
        meta: Member `meta` of the profile resource.

    Returns:
        Property changes, null for properties to clear.
    """
    patch = meta.get("patch_properties") if isinstance(meta, dict) else None
    if not isinstance(patch, dict):
        return {}
    before = profile.properties if profile else {}
    unset = patch.get("unset") or []
    changes: JsonObject = dict.fromkeys([unset] if isinstance(unset, str) else unset)
    for name, value in (patch.get("append") or {}).items():
        changes[name] = [*_as_list(before.get(name)), *_as_list(value)]
    for name, value in (patch.get("unappend") or {}).items():
        removed = _as_list(value)
        changes[name] = [
            item for item in _as_list(before.get(name)) if item not in removed
        ]
    return changes


def _as_list(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
