"""Encoded items sent many at a time, a verdict for each."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from streams.klaviyo.answers import Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.isolate import Parted, apart, chunked, never
from streams.klaviyo.items import Item, indices
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lists import list_exists
from streams.klaviyo.quotas import Limit
from streams.klaviyo.requests import Request

ENVELOPE_BYTES = 1_000
"""What a body holds beside its items, generously."""

NO_LIST = "no-such-list"
"""The reason where a list that was named does not exist."""


async def submit(  # noqa: PLR0913  # each by its name, all but one needed
    client: Caller,
    items: Sequence[Item],
    *,
    write: Callable[[list[bytes]], Request],
    limit: Limit,
    ledger: Ledger,
    list_id: str = "",
) -> None:
    """Send items as their endpoint takes them; bad ones spoil no others.

    Args:
        client: Sends the requests; each must bear to be carried out twice.
        items: Their `resource` is sent.
        write: Makes a request of resources.
        limit: What a request may hold.
        ledger: Takes the verdicts.
        list_id: The list that all are about; empty for none.
    """
    send = partial(_send, client, write=write, ledger=ledger)
    gone = partial(_gone, client, list_id) if list_id else never
    parts = await asyncio.gather(
        *(apart(chunk, send=send, gone=gone) for chunk in chunks_of(items, limit=limit))
    )
    if any(part.gone for part in parts):
        for item in items:
            ledger.dead_letter(item.index, NO_LIST, status=404)
        return
    settle(parts, ledger=ledger)


def chunks_of(items: Sequence[Item], *, limit: Limit) -> list[tuple[Item, ...]]:
    """Cut into requests."""
    return chunked(
        items,
        count_max=limit.items,
        weight=lambda item: len(item.resource) + 1,
        weight_max=limit.body_bytes - ENVELOPE_BYTES,
    )


def settle(parts: Sequence[Parted[Item]], *, ledger: Ledger) -> None:
    """Write the verdicts; an item that went in two parts needs both to go well."""
    for part in parts:
        for taken, answer in part.taken:
            ledger.delivered(indices(taken), status=answer.status)
    for part in parts:
        for one in part.refused:
            ledger.dead_letter(one.item.index, one.reason, status=one.status)


async def _send(
    client: Caller,
    items: tuple[Item, ...],
    *,
    write: Callable[[list[bytes]], Request],
    ledger: Ledger,
) -> Settled:
    answer = await client.call(write([item.resource for item in items]))
    ledger.carried(indices(items), attempts=answer.attempts)
    return answer


async def _gone(client: Caller, list_id: str) -> bool:
    return not await list_exists(client, list_id)
