"""Member `meta` of a profile: changes to single properties."""

from streams.sandbox.calls import Json
from streams.sandbox.profiles import Profile


def is_patch(meta: object) -> bool:
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


def patched(profile: Profile | None, meta: object) -> Json:
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
    changes: Json = dict.fromkeys([unset] if isinstance(unset, str) else unset)
    for name, value in (patch.get("append") or {}).items():
        changes[name] = [*_as_list(before.get(name)), *_as_list(value)]
    for name, value in (patch.get("unappend") or {}).items():
        gone = _as_list(value)
        changes[name] = [one for one in _as_list(before.get(name)) if one not in gone]
    return changes


def _as_list(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
