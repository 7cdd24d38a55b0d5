"""Conflicts of identity: an update with identifiers that belong to several profiles.

Klaviyo answers 409 and names one of the profiles, but not which of the identifiers it
owns. So each identifier is looked up by itself, and the owners decide; the profile that
the answer names is never updated blindly.
"""

import asyncio
from typing import Final, NamedTuple

import msgspec
import structlog

from streams.actions.intents import ConflictPolicy
from streams.klaviyo.api import requests
from streams.klaviyo.api.import_jobs import (
    JobTrackingClient,
    fetch_running_import_ids,
    wait_for_imports,
)
from streams.klaviyo.api.responses import resource_id, resources
from streams.klaviyo.api.results import Accepted
from streams.klaviyo.batching.items import (
    Identifier,
    ProfileItem,
    VerdictCollector,
    encode_profile,
    list_identifiers,
)

RETRY_WAIT_S: Final = 2.0
"""Ours: an update in flight, a merge or a deletion may be what conflicts."""

MERGE_POLLS_MAX: Final = 60
"""Ours: a merge is a job of seconds; after two minutes the update is sent anyway."""

CONFLICT_FIELDS: Final = ("external_id", "email", "phone_number")
"""Identifiers that may belong to another profile."""

_log = structlog.get_logger(__name__)


class Owners(NamedTuple):
    """Profiles that own the identifiers of an update; empty for free identifiers.

    Attributes:
        external_id: Klaviyo's id of the owner of the external id.
        email: Klaviyo's id of the owner of the e-mail address.
        phone_number: Klaviyo's id of the owner of the phone number.
    """

    external_id: str = ""
    email: str = ""
    phone_number: str = ""


class ConflictResolution(NamedTuple):
    """Way out of a conflict.

    Attributes:
        item: The update to send instead; None to give up.
        reason: Part of the update that was left out, with the profiles; or the reason
            for giving up.
        merge: Source and destination of a merge that comes first; empty for none.
    """

    item: ProfileItem | None
    reason: str = ""
    merge: tuple[str, str] | None = None


async def settle_conflict(
    client: JobTrackingClient,
    item: ProfileItem,
    *,
    collector: VerdictCollector,
    on_conflict: ConflictPolicy,
) -> ConflictResolution:
    """Resolve a conflict of identifiers; merge profiles, or wait, where needed.

    Args:
        client: Sends the requests.
        item: The update that Klaviyo refused.
        collector: Counts requests.
        on_conflict: Treatment of an external id and an address of two profiles.
    """
    owners = await find_owners(client, item, collector=collector)
    resolution = resolve(item, owners, on_conflict=on_conflict)
    if resolution.merge:
        await merge_profiles(client, *resolution.merge)
    elif resolution.item is item:
        await client.pause(RETRY_WAIT_S)
    return resolution


async def find_owners(
    client: JobTrackingClient, item: ProfileItem, *, collector: VerdictCollector
) -> Owners:
    """Look up the owner of each identifier of an update."""
    identifiers = list_identifiers(item.profile, fields=CONFLICT_FIELDS)
    answers = await asyncio.gather(
        *(find_owner(client, identifier) for identifier in identifiers)
    )
    collector.attempts[item.index] += len(answers)
    fields = (field for field, _ in identifiers)
    return Owners(**dict(zip(fields, answers, strict=True)))


async def find_owner(client: JobTrackingClient, identifier: Identifier) -> str:
    """Look up the profile that has an identifier; empty if there is none."""
    field, value = identifier
    answer = await client.call(requests.find_profiles(field, [value]))
    rows = resources(answer.data) if isinstance(answer, Accepted) else []
    return next(map(resource_id, rows), "")


def resolve(
    item: ProfileItem, owners: Owners, *, on_conflict: ConflictPolicy
) -> ConflictResolution:
    """Decide on a conflict by the owners of the identifiers.

    A phone number is never a reason to touch the profile of another address or id.
    Without two owners the conflict was a race: the update is sent again, with the id of
    the owner if there is one.

    Args:
        item: The update.
        owners: Owners of its identifiers.
        on_conflict: Treatment of an external id and an address of two profiles.
    """
    by_id, by_email, by_phone = owners
    if by_phone and (by_id or by_email) and by_phone not in {by_id, by_email}:
        reason = f"phone-taken: profile {by_email or by_id} is updated without it; "
        reason += f"profile {by_phone} has it"
        return ConflictResolution(without_fields(item, "phone_number"), reason)
    if not (by_id and by_email and by_id != by_email):
        owner = by_id or by_email or by_phone
        return ConflictResolution(with_id(item, owner) if owner else item)
    both = f"profile {by_id} has the external id, profile {by_email} the address"
    match on_conflict:
        case ConflictPolicy.REFUSE:
            return ConflictResolution(None, f"identity-conflict: {both}")
        case ConflictPolicy.UPDATE:
            reason = f"identity-conflict: {both} and the update"
            return ConflictResolution(without_fields(item, "external_id", "id"), reason)
        case ConflictPolicy.MERGE:
            reason = f"profiles-merged: {by_id} into {by_email}"
            return ConflictResolution(
                without_fields(item, "id"), reason, merge=(by_id, by_email)
            )


def without_fields(item: ProfileItem, *names: str) -> ProfileItem:
    """Return an item without some fields of the profile."""
    profile = {name: value for name, value in item.profile.items() if name not in names}
    return _with_profile(item, profile)


def with_id(item: ProfileItem, profile_id: str) -> ProfileItem:
    """Return an item that names the profile by Klaviyo's id."""
    return _with_profile(item, {**item.profile, "id": profile_id})


def _with_profile(item: ProfileItem, profile: dict[str, object]) -> ProfileItem:
    resource = encode_profile(profile, meta=item.meta)
    return msgspec.structs.replace(item, profile=profile, resource=resource)


async def merge_profiles(
    client: JobTrackingClient, source: str, destination: str
) -> None:
    """Merge two profiles, and wait until the source is gone; irreversible.

    Running imports come first: one that names the source would create it again.
    """
    await wait_for_imports(client, await fetch_running_import_ids(client))
    answer = await client.call(requests.merge_profiles(source, into=destination))
    if not isinstance(answer, Accepted):
        _log.warning("merge_refused", source=source, destination=destination)
        return
    _log.warning("profiles_merged", source=source, destination=destination)
    for _ in range(MERGE_POLLS_MAX):
        found = await client.call(requests.get_profile(source))
        if not isinstance(found, Accepted):
            return
        await client.pause(RETRY_WAIT_S)
