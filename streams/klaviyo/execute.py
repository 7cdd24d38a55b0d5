"""What actions want of Klaviyo, carried out: as few requests as it takes."""

from collections.abc import Container, Sequence
from functools import partial
from typing import Final, TypeAlias

import msgspec

from streams.actions.intents import ConsentChange, Intent
from streams.actions.kinds import identifying_attributes, intent_kind, list_id_of
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.batching.bisect import gather_all
from streams.klaviyo.batching.items import (
    Identifier,
    list_identifiers,
    normalize_identifier,
)
from streams.klaviyo.batching.submit import LIST_NOT_FOUND
from streams.klaviyo.intent_operations import (
    OPERATIONS,
    Operation,
    record_event_intents,
)

OperationKey: TypeAlias = tuple[str, str]
"""What goes together: the operation, and the list it is about."""

IndexedIntents: TypeAlias = list[tuple[int, Intent]]
"""Intents that go together, with their places."""

_NO_SUCH_LIST: Final = ItemVerdict(
    verdict=Verdict.DEAD_LETTER, reason=LIST_NOT_FOUND, status=404
)


async def execute(
    client: JobTrackingClient,
    intents: Sequence[Intent],
    *,
    known_metrics: Container[str] | None = None,
    now_s: float | None = None,
) -> list[ItemVerdict]:
    """Do what is wanted; two things wanted for one person are done in order.

    Args:
        client: Sends the requests.
        intents: What is wanted. Events should have a time and a unique id: without
            them Klaviyo takes its own time, and keeps one event a second.
        known_metrics: Where given, events of other metrics are dead letters.
        now_s: What time it is; None leaves events of the future to Klaviyo.

    Returns:
        A verdict for each intent, in order. `delivered` has the reason `dropped: ...`
        where a part of the payload was left out.
    """
    record_known_metrics = partial(
        record_event_intents, known_metrics=known_metrics, now_s=now_s
    )
    operations: dict[str, Operation] = {**OPERATIONS, "record": record_known_metrics}
    verdicts: dict[int, ItemVerdict] = {}
    for round_groups in plan_rounds(intents):
        results = await gather_all(
            _run_operation(client, operations[kind], group)
            for (kind, _), group in round_groups.items()
        )
        for group_verdicts in results:
            verdicts |= group_verdicts
    return [
        with_dropped_note(verdicts[index], intent)
        for index, intent in enumerate(intents)
    ]


def plan_rounds(intents: Sequence[Intent]) -> list[dict[OperationKey, IndexedIntents]]:
    """Part intents into groups that go together, and groups into stages.

    Of one person, as far as the identifiers tell, all intents of a stage are in one
    group, whose operation keeps their order; another group waits for the next stage.
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
    """List the identifiers of whom an intent is about, as Klaviyo keeps them."""
    return list(
        map(normalize_identifier, list_identifiers(identifying_attributes(intent)))
    )


def _operation_key(intent: Intent) -> OperationKey:
    """Say with what an intent goes together; consent knows lists itself."""
    list_id = "" if isinstance(intent, ConsentChange) else list_id_of(intent)
    return intent_kind(intent), list_id


async def _run_operation(
    client: JobTrackingClient, operation: Operation, group: IndexedIntents
) -> dict[int, ItemVerdict]:
    result = await operation(client, [intent for _, intent in group])
    if isinstance(result, ListGone):
        result = [_NO_SUCH_LIST] * len(group)
    return {index: verdict for (index, _), verdict in zip(group, result, strict=True)}


def with_dropped_note(verdict: ItemVerdict, intent: Intent) -> ItemVerdict:
    """Record in its verdict what was left out of a payload that was taken."""
    if not intent.dropped or verdict.reason:
        return verdict
    reason = f"dropped: {', '.join(intent.dropped)}"
    return msgspec.structs.replace(verdict, reason=reason)
