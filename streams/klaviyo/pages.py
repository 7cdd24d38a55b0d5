"""All pages of a listing."""

from typing import Any

from streams.klaviyo.answers import Accepted, Rejected, Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.requests import Request
from streams.klaviyo.responses import next_cursor, resources


async def all_pages(client: Caller, request: Request) -> Settled:
    """Follow a listing to its last page.

    Returns:
        `Accepted` with the resources of all pages under `data`; or the first refusal,
        so that half a listing never passes for a whole one.
    """
    rows: list[Any] = []
    seen: set[str] = set()
    attempts = 0
    while True:
        answer = await client.call(request)
        attempts += answer.attempts
        if not isinstance(answer, Accepted):
            return answer
        rows += resources(answer.data)
        cursor = next_cursor(answer.data)
        if cursor == "":
            return Accepted(status=200, attempts=attempts, data={"data": rows})
        if cursor is None or cursor in seen:
            return Rejected(status=200, attempts=attempts, reason="unreadable-page")
        seen.add(cursor)
        request = request.at_cursor(cursor)
