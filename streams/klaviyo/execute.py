"""Execution of intents in Klaviyo, with as few requests as possible."""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from streams.actions.intents import (
    ConflictPolicy,
    ConsentChange,
    IdChange,
    Intent,
    IntentKind,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    identifying_attributes,
    intent_kind,
    list_id_of,
)
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.endpoints import (
    CREATE_EVENTS,
    GET_PROFILES,
    IMPORT_PROFILES,
    REMOVE_MEMBERS,
    REQUEST_DELETION,
    SUBSCRIBE,
    SUPPRESS,
    UNSUBSCRIBE,
    UNSUPPRESS,
    UPSERT_PROFILE,
    Endpoint,
)
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.batching.items import (
    Identifier,
    gather_all,
    list_identifiers,
)
from streams.klaviyo.batching.submit import LIST_NOT_FOUND
from streams.klaviyo.operations.address_change import change_addresses
from streams.klaviyo.operations.deletion import delete_profiles
from streams.klaviyo.operations.events import record_events
from streams.klaviyo.operations.profiles import (
    BULK_MIN_ITEMS,
    add_members,
    remove_members,
)
from streams.klaviyo.operations.subscribe import subscribe
from streams.klaviyo.operations.suppressions import suppress, unsuppress
from streams.klaviyo.operations.unsubscribe import unsubscribe
from streams.klaviyo.operations.upserts import (
    change_ids,
    patch_profiles,
    upsert_profiles,
)

Operation: TypeAlias = Callable[
    [JobTrackingClient, Sequence[Any]], Awaitable[list[ItemVerdict] | ListGone]
]
"""Function that carries out intents of one kind and list, with a verdict for each."""


class OperationKey(NamedTuple):
    """Key of the intents that share a call of an operation.

    Attributes:
        kind: Kind of the intents.
        list_id: Klaviyo's id of the list; empty for no list, and for consent changes:
            the operations on consent handle several lists.
    """

    kind: IntentKind
    list_id: str


IndexedIntents: TypeAlias = list[tuple[int, Intent]]
"""Intents that go together, each with its index in the batch."""

_NO_SUCH_LIST: Final = ItemVerdict(
    verdict=Verdict.DEAD_LETTER, reason=LIST_NOT_FOUND, status=404
)


async def upsert_without_list(
    client: JobTrackingClient,
    intents: Sequence[ProfileUpsert],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> list[ItemVerdict] | ListGone:
    """Create or update the profiles of intents that name no list."""

    async def send(upserts: Sequence[ProfileUpsert]) -> list[ItemVerdict]:
        return await upsert_profiles(
            client,
            [upsert.profile for upsert in upserts],
            bulk_min_items=bulk_min_items,
            on_conflict=on_conflict,
        )

    return await change_addresses(client, intents, send=send)


async def patch(
    client: JobTrackingClient,
    intents: Sequence[ProfileUpsert],
    *,
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> list[ItemVerdict] | ListGone:
    """Create or update the profiles of intents that patch custom properties."""
    list_id = intents[0].list_id
    send = partial(patch_profiles, client, list_id=list_id, on_conflict=on_conflict)
    return await change_addresses(client, intents, send=send)


async def add(
    client: JobTrackingClient, intents: Sequence[ListAdd | ProfileUpsert]
) -> list[ItemVerdict] | ListGone:
    """Add the profiles of intents to the list that the intents name."""

    async def send(
        adds: Sequence[ListAdd | ProfileUpsert],
    ) -> list[ItemVerdict] | ListGone:
        profiles = [intent.profile for intent in adds]
        return await add_members(client, intents[0].list_id, profiles)

    return await change_addresses(client, intents, send=send)


async def _remove(
    client: JobTrackingClient, intents: Sequence[ListRemove]
) -> list[ItemVerdict] | ListGone:
    profiles = [intent.identifiers for intent in intents]
    return await remove_members(client, intents[0].list_id, profiles)


OPERATIONS: Final[Mapping[str, Operation]] = {
    IntentKind.UPSERT: upsert_without_list,
    IntentKind.PATCH: patch,
    IntentKind.CHANGE_ID: change_ids,
    IntentKind.ADD: add,
    IntentKind.REMOVE: _remove,
    IntentKind.RECORD: record_events,
    IntentKind.SUBSCRIBE: subscribe,
    IntentKind.UNSUBSCRIBE: unsubscribe,
    IntentKind.SUPPRESS: suppress,
    IntentKind.UNSUPPRESS: unsuppress,
    IntentKind.DELETE: delete_profiles,
}
"""Kind of intent -> operation; `record` here knows no metrics and no current time."""

ENDPOINTS_BY_KIND: Final[Mapping[str, tuple[Endpoint, ...]]] = {
    IntentKind.UPSERT: (IMPORT_PROFILES,),
    IntentKind.PATCH: (UPSERT_PROFILE,),
    IntentKind.CHANGE_ID: (GET_PROFILES, UPSERT_PROFILE),
    IntentKind.ADD: (IMPORT_PROFILES,),
    IntentKind.REMOVE: (GET_PROFILES, REMOVE_MEMBERS),
    IntentKind.RECORD: (CREATE_EVENTS,),
    IntentKind.SUBSCRIBE: (SUBSCRIBE,),
    IntentKind.UNSUBSCRIBE: (UNSUBSCRIBE,),
    IntentKind.SUPPRESS: (SUPPRESS,),
    IntentKind.UNSUPPRESS: (UNSUPPRESS,),
    IntentKind.DELETE: (REQUEST_DELETION,),
}
"""Kind of intent -> the endpoints whose quota its operation needs."""


async def execute(
    client: JobTrackingClient,
    intents: Sequence[Intent],
    *,
    known_metrics: Container[str] | None = None,
    now_s: float | None = None,
) -> list[ItemVerdict]:
    """Carry out intents; intents for the same person are carried out in order.

    Args:
        client: Sends the requests.
        intents: Events should have a time and a unique id: otherwise Klaviyo takes the
            time of the request, and keeps one event a second.
        known_metrics: Metrics of the account, where events of other metrics must become
            dead letters; None to send all metrics.
        now_s: Current time; None leaves events with a future time to Klaviyo.

    Returns:
        A verdict for each intent, in order. `delivered` has the reason `dropped: ...`
        where a part of the payload was left out.
    """
    record = partial(record_events, known_metrics=known_metrics, now_s=now_s)
    operations: dict[str, Operation] = {**OPERATIONS, IntentKind.RECORD: record}
    verdicts: dict[int, ItemVerdict] = {}
    for round_groups in plan_rounds(intents):
        results = await gather_all(
            _run_operation(client, operations[key.kind], group)
            for key, group in round_groups.items()
        )
        for group_verdicts in results:
            verdicts |= group_verdicts
    return [
        with_dropped_note(verdicts[index], intent)
        for index, intent in enumerate(intents)
    ]


def plan_rounds(intents: Sequence[Intent]) -> list[dict[OperationKey, IndexedIntents]]:
    """Split intents into rounds, and each round into groups by operation.

    Within a round, all intents for one person are in the same group, because the
    operation of a group keeps their order. Intents for the same person that belong to
    another group wait for the next round. Persons are compared by identifier.
    """
    rounds: list[dict[OperationKey, IndexedIntents]] = []
    last_use: dict[Identifier, tuple[int, OperationKey]] = {}
    for index, intent in enumerate(intents):
        key, own_identifiers = _operation_key(intent), intent_identifiers(intent)
        earlier = [
            last_use[identifier]
            for identifier in own_identifiers
            if identifier in last_use
        ]
        round_number = max(
            (
                last_round if last_key == key else last_round + 1
                for last_round, last_key in earlier
            ),
            default=0,
        )
        if round_number == len(rounds):
            rounds.append({})
        rounds[round_number].setdefault(key, []).append((index, intent))
        last_use.update(dict.fromkeys(own_identifiers, (round_number, key)))
    return rounds


def intent_identifiers(intent: Intent) -> list[Identifier]:
    """Return the identifiers of an intent's person, in Klaviyo's spelling."""
    identifiers = list_identifiers(identifying_attributes(intent))
    if isinstance(intent, IdChange):
        identifiers.append(("external_id", intent.previous_id))
    return identifiers


def with_dropped_note(verdict: ItemVerdict, intent: Intent) -> ItemVerdict:
    """Add the parts that were left out of the payload to the reason of a delivery."""
    if not intent.dropped or verdict.verdict is not Verdict.DELIVERED:
        return verdict
    dropped = f"dropped: {', '.join(intent.dropped)}"
    reason = f"{verdict.reason}; {dropped}" if verdict.reason else dropped
    return msgspec.structs.replace(verdict, reason=reason)


def _operation_key(intent: Intent) -> OperationKey:
    list_id = "" if isinstance(intent, ConsentChange) else list_id_of(intent)
    return OperationKey(intent_kind(intent), list_id)


async def _run_operation(
    client: JobTrackingClient, operation: Operation, group: IndexedIntents
) -> dict[int, ItemVerdict]:
    result = await operation(client, [intent for _, intent in group])
    if isinstance(result, ListGone):
        result = [_NO_SUCH_LIST] * len(group)
    return {index: verdict for (index, _), verdict in zip(group, result, strict=True)}
