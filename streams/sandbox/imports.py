"""What an import does to the profiles, one by one or in bulk."""

from streams.sandbox.calls import Json
from streams.sandbox.errors import ApiError, duplicate_profile, not_found
from streams.sandbox.jobs import ImportJob
from streams.sandbox.lists import Lists
from streams.sandbox.patches import patched
from streams.sandbox.profiles import Profile, Profiles


def upsert(
    profiles: Profiles, item: Json, *, now_s: float, pointer: str = "/data"
) -> Profile | ApiError:
    """Create or update the profile the item names.

    Args:
        profiles: All profiles.
        item: Profile resource, already validated.
        now_s: When it happens.
        pointer: JSON pointer of the item.

    Returns:
        The profile, or 404 for an id nobody has, or 409 when the identifiers belong to
        more than one profile.
    """
    attributes: Json = item.get("attributes") or {}
    owners = profiles.owners(attributes)
    profile_id = item.get("id")
    if profile_id:
        named = profiles.by_id.get(profile_id)
        if named is None:
            return not_found("profile", profile_id, pointer=f"{pointer}/id")
        owners = [named, *(owner for owner in owners if owner is not named)]
    if len(owners) > 1:
        return duplicate_profile(owners[1].id, pointer=f"{pointer}/attributes")
    return _write(profiles, item, owners=owners, now_s=now_s)


def _write(
    profiles: Profiles, item: Json, *, owners: list[Profile], now_s: float
) -> Profile:
    attributes: Json = item.get("attributes") or {}
    if owners:
        profile = owners[0]
        profiles.update(profile, attributes, now_s=now_s)
    else:
        profile = profiles.create(attributes, now_s=now_s)
    if "meta" in item:
        changes = patched(profile, item["meta"])
        profiles.update(profile, {"properties": changes}, now_s=now_s)
    return profile


def apply(job: ImportJob, *, profiles: Profiles, lists: Lists) -> None:
    """End a job: write its profiles, put them on its lists, note its errors."""
    items, job.items = job.items, []
    if job.fate.cancelled:
        job.outcome = "cancelled"
        return
    written = []
    for index, item in enumerate(items):
        result = _outcome(job, profiles, item, index=index)
        if isinstance(result, Profile):
            written.append(result)
        else:
            job.errors.append((result, item))
    job.profile_ids = list(dict.fromkeys(profile.id for profile in written))
    for list_id in job.list_ids:
        if list_id in lists.by_id:
            lists.join(lists.by_id[list_id], written, now_s=job.ends_s)
    job.outcome = "complete"


def _outcome(
    job: ImportJob, profiles: Profiles, item: Json, *, index: int
) -> Profile | ApiError:
    pointer = f"/data/attributes/profiles/data/{index}"
    if index < job.fate.failing:
        return ApiError(
            status=400,
            code="invalid",
            title="Invalid input.",
            detail="This profile could not be imported.",
            pointer=pointer,
        )
    return upsert(profiles, item, now_s=job.ends_s, pointer=pointer)
