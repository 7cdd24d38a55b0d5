"""All pages of a listing."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from streams.klaviyo.answers import Accepted, Rejected, Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.requests import Request
from streams.klaviyo.responses import next_cursor, resources


async def each_page(client: Caller, request: Request) -> AsyncIterator[Settled]:
    """Follow a listing to its last page, a page at a time.

    Yields:
        `Accepted` for each page. A refusal ends it: what came before is half a listing.
    """
    seen: set[str] = set()
    while True:
        answer = await client.call(request)
        yield answer
        if not isinstance(answer, Accepted):
            return
        cursor = next_cursor(answer.data)
        if cursor == "":
            return
        if cursor is None or cursor in seen:
            yield Rejected(status=200, attempts=0, reason="unreadable-page")
            return
        seen.add(cursor)
        request = request.at_cursor(cursor)


async def all_pages(client: Caller, request: Request) -> Settled:
    """Follow a listing to its last page.

    Returns:
        `Accepted` with the resources of all pages under `data`; or the first refusal,
        so that half a listing never passes for a whole one.
    """
    rows: list[Any] = []
    attempts = 0
    async for answer in each_page(client, request):
        attempts += answer.attempts
        if not isinstance(answer, Accepted):
            return msgspec.structs.replace(answer, attempts=attempts)
        rows += resources(answer.data)
    return Accepted(status=200, attempts=attempts, data={"data": rows})
