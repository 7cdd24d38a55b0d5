"""Pages of results with opaque cursors, and the links between pages.

A cursor contains the sort key of the last row returned, not a count. Rows that are
added or removed between two pages therefore neither hide nor duplicate other rows.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import TypeVar
from urllib.parse import urlencode

import orjson

from streams.sandbox.jsonapi.errors import bad_request
from streams.sandbox.jsonapi.messages import JsonObject, ParsedRequest

RowT = TypeVar("RowT")
SortKey = list[str | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSizes:
    """Page sizes of an operation: without `page[size]`, and at most."""

    default: int
    maximum: int


LIST_PAGES = PageSizes(default=10, maximum=10)
"""Page sizes of `get_lists`, Klaviyo OpenAPI 2026-07-15."""

PROFILE_PAGES = PageSizes(default=20, maximum=100)
"""Page sizes of `get_profiles`, list members, import jobs and their errors."""

EVENT_PAGES = PageSizes(default=200, maximum=1_000)
"""Page sizes of `get_events`."""

METRIC_PAGES = PageSizes(default=200, maximum=200)
"""Page size of `get_metrics`, which has no `page[size]`."""


def paginate(
    request: ParsedRequest,
    rows: Iterable[RowT],
    *,
    key: Callable[[RowT], SortKey],
    sizes: PageSizes,
    descending: bool = False,
) -> tuple[list[RowT], JsonObject]:
    """Cut a page out of sorted rows.

    Args:
        request: Request with `page[size]` and `page[cursor]`.
        rows: All rows, sorted by `key`.
        key: Sort key of a row; no two rows have the same key.
        sizes: Page sizes of the operation.
        descending: True if the rows are sorted in descending order.

    Returns:
        The page, and member `links` of the response.

    Raises:
        ErrorResponse: 400 about `page[size]` or `page[cursor]`.
    """
    size = _page_size(request, sizes=sizes)
    last_key = _read_cursor(request.query.get("page[cursor]", ""))
    if last_key is not None:
        rows = dropwhile(_is_before(last_key, key=key, descending=descending), rows)
    try:
        page = list(islice(rows, size + 1))
    except TypeError:  # a cursor of another operation or sort: keys do not compare
        raise bad_request("Invalid cursor.", parameter="page[cursor]") from None
    has_more = len(page) > size
    page = page[:size]
    return page, {
        "self": _link(request, cursor=None),
        "prev": None,
        "next": _link(request, cursor=_write_cursor(key(page[-1])))
        if has_more
        else None,
    }


def _is_before(
    last_key: SortKey, *, key: Callable[[RowT], SortKey], descending: bool
) -> Callable[[RowT], bool]:
    if descending:
        return lambda row: key(row) >= last_key
    return lambda row: key(row) <= last_key


def _page_size(request: ParsedRequest, *, sizes: PageSizes) -> int:
    text = request.query.get("page[size]")
    if text is None:
        return sizes.default
    if not text.isdecimal() or not 1 <= int(text) <= sizes.maximum:
        raise bad_request(
            f"Page size must be an integer between 1 and {sizes.maximum}.",
            parameter="page[size]",
        )
    return int(text)


def _write_cursor(key: SortKey) -> str:
    return urlsafe_b64encode(orjson.dumps(key)).decode()


def _read_cursor(text: str) -> SortKey | None:
    if not text:
        return None
    try:
        key = orjson.loads(urlsafe_b64decode(text))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list) or not key:
        raise bad_request("Invalid cursor.", parameter="page[cursor]")
    return key


def _link(request: ParsedRequest, *, cursor: str | None) -> str:
    query = dict(request.query)
    if cursor is not None:
        query["page[cursor]"] = cursor
    suffix = f"?{urlencode(query)}" if query else ""
    return f"{request.base_url}{request.path}{suffix}"
