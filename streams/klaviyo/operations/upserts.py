"""Operations that create, update and patch profiles."""

from collections.abc import Sequence

import msgspec
import orjson

from streams.actions.intents import ConflictPolicy, IdChange, ProfileUpsert
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.batching.items import (
    Profile,
    ProfileItem,
    VerdictCollector,
    encode_profile,
    identifiers_only,
    prepare_items,
    split_into_rounds,
)
from streams.klaviyo.operations.conflicts import (
    find_owner,
    find_owners,
    merge_profiles,
    with_id,
    without_fields,
)
from streams.klaviyo.operations.profiles import (
    BULK_MIN_ITEMS,
    OK,
    ProfileWriter,
    add_members,
)


async def upsert_profiles(
    client: JobTrackingClient,
    profiles: Sequence[Profile],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> list[ItemVerdict]:
    """Create or update profiles; `null` clears an attribute, absence keeps the value.

    Args:
        client: Sends the requests.
        profiles: Klaviyo's profile attributes.
        bulk_min_items: Smallest number of profiles for a bulk import.
        on_conflict: Treatment of identifiers that belong to two profiles.

    Returns:
        A verdict for each profile, in order.
    """
    collector = VerdictCollector(len(profiles))
    writer = ProfileWriter(
        client=client,
        collector=collector,
        bulk_min_items=bulk_min_items,
        on_conflict=on_conflict,
    )
    for items in split_into_rounds(prepare_items(profiles, verdicts=collector)):
        await writer.write(items)
    return collector.verdicts()


async def patch_profiles(
    client: JobTrackingClient,
    upserts: Sequence[ProfileUpsert],
    *,
    list_id: str = "",
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> list[ItemVerdict] | ListGone:
    """Create or update profiles, and patch custom properties.

    Args:
        client: Sends the requests.
        upserts: Changes to make.
        list_id: Klaviyo's id of a list to add the profiles to; empty for no list.
        on_conflict: Treatment of identifiers that belong to two profiles.

    Returns:
        A verdict for each upsert, in order; or `ListGone`.
    """
    collector = VerdictCollector(len(upserts))
    writer = ProfileWriter(client=client, collector=collector, on_conflict=on_conflict)
    items = prepare_items((upsert.profile for upsert in upserts), verdicts=collector)
    patched_items = [_with_patch(item, upserts[item.index]) for item in items]
    for round_items in split_into_rounds(patched_items):
        await writer.write(round_items)
    verdicts = collector.verdicts()
    return (
        await _add_to_list(client, upserts, verdicts, list_id) if list_id else verdicts
    )


async def change_ids(
    client: JobTrackingClient,
    changes: Sequence[IdChange],
    *,
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> list[ItemVerdict]:
    """Give profiles with a previous id of a user the user's current id.

    Args:
        client: Sends the requests.
        changes: Changes to make.
        on_conflict: Treatment of a user who has another profile already.

    Returns:
        A verdict for each change, in order: discarded as `no-such-profile` where nobody
        has the previous id, and as `identity-conflict` where both profiles stay.
    """
    collector = VerdictCollector(len(changes))
    writer = ProfileWriter(client=client, collector=collector, on_conflict=on_conflict)
    profiles = (change.profile for change in changes)
    for item in prepare_items(profiles, verdicts=collector):
        await _change_id(writer, item, changes[item.index].previous_id)
    return collector.verdicts()


async def _change_id(writer: ProfileWriter, item: ProfileItem, previous: str) -> None:
    """Give the profile of a previous id an item's identifiers, or merge the profile."""
    client, collector, index = writer.client, writer.collector, item.index
    source = await find_owner(client, ("external_id", previous))
    collector.attempts[index] += 1
    if not source:
        collector.mark_discarded(index, "no-such-profile: nobody has the previous id")
        return
    owners = await find_owners(client, item, collector=collector)
    target = owners.external_id or owners.email or source
    if target == source:
        # The user's next update brings the address.
        item = with_id(without_fields(item, "email"), source)
    elif writer.on_conflict is ConflictPolicy.MERGE:
        collector.note(index, f"profiles-merged: {source} into {target}")
        await merge_profiles(client, source, target)
    else:
        reason = f"identity-conflict: profile {source} has the previous id, "
        reason += f"profile {target} is the user's"
        if writer.on_conflict is ConflictPolicy.UPDATE:
            collector.mark_discarded(index, reason)
        else:
            collector.mark_dead_letter(index, reason)
        return
    collector.mark_delivered(await writer.write_singly([item]), status=OK)


def _with_patch(item: ProfileItem, upsert: ProfileUpsert) -> ProfileItem:
    patch = {
        "unset": list(upsert.unset),
        "append": upsert.append,
        "unappend": upsert.unappend,
    }
    changes = {name: value for name, value in patch.items() if value}
    if not changes:
        return item
    meta = orjson.dumps({"patch_properties": changes})
    resource = encode_profile(item.profile, meta=meta)
    return msgspec.structs.replace(item, resource=resource, meta=meta)


async def _add_to_list(
    client: JobTrackingClient,
    upserts: Sequence[ProfileUpsert],
    verdicts: list[ItemVerdict],
    list_id: str,
) -> list[ItemVerdict] | ListGone:
    """Add the accepted profiles to the list, by identifiers without attributes."""
    delivered_indices = [
        index
        for index, verdict in enumerate(verdicts)
        if verdict.verdict is Verdict.DELIVERED
    ]
    profiles = [identifiers_only(upserts[index].profile) for index in delivered_indices]
    added = await add_members(client, list_id, profiles)
    if isinstance(added, ListGone):
        return added
    verdict_by_index = dict(zip(delivered_indices, added, strict=True))
    return [
        verdict_by_index.get(index, verdict) for index, verdict in enumerate(verdicts)
    ]
