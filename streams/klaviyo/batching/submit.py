"""Submission of encoded items in large requests, with a verdict for each item."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from streams.chunks import chunk_by_weight
from streams.klaviyo.api.endpoints import RequestLimit
from streams.klaviyo.api.pagination import list_exists
from streams.klaviyo.api.requests import KlaviyoApi, Request
from streams.klaviyo.api.results import FinalResult
from streams.klaviyo.batching.items import (
    BisectResult,
    ProfileItem,
    VerdictCollector,
    item_indices,
    no_list_check,
    send_with_bisect,
)

ENVELOPE_BYTES = 1_000
"""Bytes of a body besides the items, rounded up."""

LIST_NOT_FOUND = "no-such-list"
"""Reason for items of a list that does not exist."""


async def submit_items(  # noqa: PLR0913  # keyword arguments, all but one required
    client: KlaviyoApi,
    items: Sequence[ProfileItem],
    *,
    build_request: Callable[[list[bytes]], Request],
    limit: RequestLimit,
    verdicts: VerdictCollector,
    list_id: str = "",
) -> None:
    """Send items in as few requests as possible, isolating bad items.

    Args:
        client: Client for the requests, which must be idempotent.
        items: Items to send, with `resource` set.
        build_request: Builds a request from resources.
        limit: Limits of a request.
        verdicts: Collector for the verdicts.
        list_id: List that all items concern; empty for no list.
    """
    send = partial(_send_chunk, client, build_request=build_request, verdicts=verdicts)
    is_list_gone = partial(_is_list_gone, client, list_id) if list_id else no_list_check
    results = await asyncio.gather(
        *(
            send_with_bisect(chunk, send=send, is_list_gone=is_list_gone)
            for chunk in cut_into_requests(items, limit=limit)
        )
    )
    if any(result.is_list_gone for result in results):
        for item in items:
            verdicts.mark_dead_letter(item.index, LIST_NOT_FOUND, status=404)
        return
    record_verdicts(results, verdicts=verdicts)


def cut_into_requests(
    items: Sequence[ProfileItem], *, limit: RequestLimit
) -> list[tuple[ProfileItem, ...]]:
    """Split items into chunks that fit a request."""
    return chunk_by_weight(
        items,
        count_max=limit.items,
        weight=lambda item: len(item.resource) + 1,
        weight_max=limit.body_bytes - ENVELOPE_BYTES,
    )


def record_verdicts(
    results: Sequence[BisectResult[ProfileItem]], *, verdicts: VerdictCollector
) -> None:
    """Record verdicts; an item sent in two parts is delivered only if both succeed."""
    for result in results:
        for accepted_items, response in result.accepted:
            verdicts.mark_delivered(
                item_indices(accepted_items), status=response.status
            )
    for result in results:
        for rejected_item in result.rejected:
            verdicts.mark_dead_letter(
                rejected_item.item.index,
                rejected_item.reason,
                status=rejected_item.status,
            )


async def _send_chunk(
    client: KlaviyoApi,
    items: tuple[ProfileItem, ...],
    *,
    build_request: Callable[[list[bytes]], Request],
    verdicts: VerdictCollector,
) -> FinalResult:
    result = await client.call(build_request([item.resource for item in items]))
    verdicts.count_attempts(item_indices(items), attempts=result.attempts)
    return result


async def _is_list_gone(client: KlaviyoApi, list_id: str) -> bool:
    return not await list_exists(client, list_id)
