"""What actions want of Klaviyo, carried out: as few requests as it takes."""

from collections.abc import Container, Sequence
from functools import partial
from typing import Final, TypeAlias

import msgspec

from streams.actions.intents import ConsentChange, Intent
from streams.actions.kinds import kind_of, list_of, named_by
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.carriers import CARRIERS, Carrier, record
from streams.klaviyo.items import Identifier, folded, identifiers
from streams.klaviyo.jobs import Follower
from streams.klaviyo.results import ListGone
from streams.klaviyo.submit import NO_LIST
from streams.klaviyo.together import together

Kind: TypeAlias = tuple[str, str]
"""What goes together: the operation, and the list it is about."""

Group: TypeAlias = list[tuple[int, Intent]]
"""Intents that go together, with their places."""

_GONE: Final = ItemVerdict(verdict=Verdict.DEAD_LETTER, reason=NO_LIST, status=404)


async def carry_out(
    client: Follower,
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
    knowing = partial(record, known_metrics=known_metrics, now_s=now_s)
    carriers: dict[str, Carrier] = {**CARRIERS, "record": knowing}
    verdicts: dict[int, ItemVerdict] = {}
    for stage in stages(intents):
        found = await together(
            _send(client, carriers[kind], group) for (kind, _), group in stage.items()
        )
        for part in found:
            verdicts |= part
    return [remarked(verdicts[at], intent) for at, intent in enumerate(intents)]


def stages(intents: Sequence[Intent]) -> list[dict[Kind, Group]]:
    """Part intents into groups that go together, and groups into stages.

    Of one person, as far as the identifiers tell, all intents of a stage are in one
    group, whose operation keeps their order; another group waits for the next stage.
    """
    parted: list[dict[Kind, Group]] = []
    last: dict[Identifier, tuple[int, Kind]] = {}
    for place, intent in enumerate(intents):
        kind, names = _kind(intent), names_of(intent)
        before = [last[name] for name in names if name in last]
        number = max((at if was == kind else at + 1 for at, was in before), default=0)
        if number == len(parted):
            parted.append({})
        parted[number].setdefault(kind, []).append((place, intent))
        last.update(dict.fromkeys(names, (number, kind)))
    return parted


def names_of(intent: Intent) -> list[Identifier]:
    """List the identifiers of whom an intent is about, as Klaviyo keeps them."""
    return list(map(folded, identifiers(named_by(intent))))


def _kind(intent: Intent) -> Kind:
    """Say with what an intent goes together; consent knows lists itself."""
    list_id = "" if isinstance(intent, ConsentChange) else list_of(intent)
    return kind_of(intent), list_id


async def _send(
    client: Follower, carrier: Carrier, group: Group
) -> dict[int, ItemVerdict]:
    found = await carrier(client, [intent for _, intent in group])
    if isinstance(found, ListGone):
        found = [_GONE] * len(group)
    return {place: one for (place, _), one in zip(group, found, strict=True)}


def remarked(verdict: ItemVerdict, intent: Intent) -> ItemVerdict:
    """Record in its verdict what was left out of a payload that was taken."""
    if not intent.dropped or verdict.reason:
        return verdict
    reason = f"dropped: {', '.join(intent.dropped)}"
    return msgspec.structs.replace(verdict, reason=reason)
