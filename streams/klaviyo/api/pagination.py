"""Reading of all pages of a listing, and the existence check for lists."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from streams.klaviyo.api.requests import KlaviyoApi, Request, get_list
from streams.klaviyo.api.responses import (
    InvalidPageLink,
    LastPage,
    NextPage,
    parse_page_link,
    resources,
)
from streams.klaviyo.api.results import Accepted, FinalResult, Rejected


async def iterate_pages(
    client: KlaviyoApi, request: Request
) -> AsyncIterator[FinalResult]:
    """Yield the pages of a listing up to the last.

    Yields:
        `Accepted` for each page. A rejection ends the listing, which is then
        incomplete.
    """
    seen_cursors: set[str] = set()
    while True:
        result = await client.call(request)
        yield result
        if not isinstance(result, Accepted):
            return
        match parse_page_link(result.data):
            case LastPage():
                return
            case NextPage(cursor) if cursor not in seen_cursors:
                seen_cursors.add(cursor)
                request = request.with_cursor(cursor)
            case NextPage() | InvalidPageLink():
                yield Rejected(status=200, attempts=0, reason="unreadable-page")
                return


async def fetch_all_pages(client: KlaviyoApi, request: Request) -> FinalResult:
    """Fetch all pages of a listing.

    Returns:
        `Accepted` with the resources of all pages under `data`, or the first rejection,
        so that an incomplete listing is never taken for a complete one.
    """
    all_resources: list[Any] = []
    attempts = 0
    async for page in iterate_pages(client, request):
        attempts += page.attempts
        if not isinstance(page, Accepted):
            return msgspec.structs.replace(page, attempts=attempts)
        all_resources += resources(page.data)
    return Accepted(status=200, attempts=attempts, data={"data": all_resources})


async def list_exists(client: KlaviyoApi, list_id: str) -> bool:
    """Report whether a list exists."""
    return isinstance(await client.call(get_list(list_id)), Accepted)
