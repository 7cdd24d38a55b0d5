"""Member `meta` of a profile: changes to single properties."""

from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi.messages import JsonObject


def is_valid_meta(meta: object) -> bool:
    """Whether `meta` has the shape Klaviyo takes; without any it has."""
    if meta is None:
        return True
    patch = meta.get("patch_properties", {}) if isinstance(meta, dict) else None
    if not isinstance(patch, dict):
        return False
    unset = patch.get("unset") or []
    names = [unset] if isinstance(unset, str) else unset
    return (
        isinstance(patch.get("append") or {}, dict)
        and isinstance(patch.get("unappend") or {}, dict)
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
    )


def patched_properties(profile: StoredProfile | None, meta: object) -> JsonObject:
    """Work out what `meta.patch_properties` does.

    Args:
        profile: The profile as it is; None when it does not exist yet.
        meta: Member `meta` of the profile resource.

    Returns:
        Property changes, null for those to clear.
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
