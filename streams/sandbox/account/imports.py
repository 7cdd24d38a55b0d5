"""What an import does to the profiles, one by one or in bulk."""

from streams.sandbox.account.import_jobs import ImportJob
from streams.sandbox.account.lists import Lists
from streams.sandbox.account.profile_patches import patched_properties
from streams.sandbox.account.profiles import Profiles, StoredProfile
from streams.sandbox.jsonapi.errors import ApiError, duplicate_profile, not_found
from streams.sandbox.jsonapi.messages import JsonObject


def upsert(
    profiles: Profiles, item: JsonObject, *, now_s: float, pointer: str = "/data"
) -> StoredProfile | ApiError:
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


def apply_import(job: ImportJob, *, profiles: Profiles, lists: Lists) -> None:
    """End a job: write its profiles, put them on its lists, note its errors."""
    items, job.items = job.items, []
    if job.planned_outcome.cancelled:
        job.outcome = "cancelled"
        return
    written = []
    for index, item in enumerate(items):
        result = _import_item(job, profiles, item, index=index)
        if isinstance(result, StoredProfile):
            written.append(result)
        else:
            job.errors.append((result, item))
    job.profile_ids = list(dict.fromkeys(profile.id for profile in written))
    for list_id in job.list_ids:
        if list_id in lists.by_id:
            lists.add_members(lists.by_id[list_id], written, now_s=job.ends_s)
    job.outcome = "complete"


def _import_item(
    job: ImportJob, profiles: Profiles, item: JsonObject, *, index: int
) -> StoredProfile | ApiError:
    pointer = f"/data/attributes/profiles/data/{index}"
    if index < job.planned_outcome.failing_count:
        return ApiError(
            status=400,
            code="invalid",
            title="Invalid input.",
            detail="This profile could not be imported.",
            pointer=pointer,
        )
    return upsert(profiles, item, now_s=job.ends_s, pointer=pointer)
