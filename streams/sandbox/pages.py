"""Pages with opaque cursors, and the links from one to the next.

A cursor holds the sort key of the last row given, not a count, so rows that come or go
between two pages neither hide nor repeat others.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import TypeVar
from urllib.parse import urlencode

import orjson

from streams.sandbox.calls import Call, Json
from streams.sandbox.errors import refuse

Row = TypeVar("Row")
Key = list[str | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Page sizes of one operation: without `page[size]`, and at most."""

    default: int
    maximum: int


LISTS = Sizes(default=10, maximum=10)
"""`get_lists`, Klaviyo OpenAPI 2026-07-15."""

PROFILES = Sizes(default=20, maximum=100)
"""`get_profiles`, list members, import jobs and their errors."""

EVENTS = Sizes(default=200, maximum=1_000)
"""`get_events`."""

METRICS = Sizes(default=200, maximum=200)
"""`get_metrics`; it has no `page[size]`."""


def paginate(
    call: Call,
    rows: Iterable[Row],
    *,
    key: Callable[[Row], Key],
    sizes: Sizes,
    descending: bool = False,
) -> tuple[list[Row], Json]:
    """Cut one page out of sorted rows.

    Args:
        call: The request, with `page[size]` and `page[cursor]`.
        rows: All rows, sorted by `key`.
        key: What the rows are sorted by; no two rows have the same.
        sizes: The page sizes of the operation.
        descending: Whether the rows are sorted the other way round.

    Returns:
        The page, and member `links` of the answer.

    Raises:
        Refusal: 400 about `page[size]` or `page[cursor]`.
    """
    size = _size(call, sizes=sizes)
    last = _read_cursor(call.query.get("page[cursor]", ""))
    if last is not None:
        rows = dropwhile(_seen(last, key=key, descending=descending), rows)
    try:
        page = list(islice(rows, size + 1))
    except TypeError:  # a cursor of another operation or sort: keys do not compare
        raise refuse("Invalid cursor.", parameter="page[cursor]") from None
    more = len(page) > size
    page = page[:size]
    return page, {
        "self": _link(call, cursor=None),
        "prev": None,
        "next": _link(call, cursor=_cursor(key(page[-1]))) if more else None,
    }


def _seen(
    last: Key, *, key: Callable[[Row], Key], descending: bool
) -> Callable[[Row], bool]:
    if descending:
        return lambda row: key(row) >= last
    return lambda row: key(row) <= last


def _size(call: Call, *, sizes: Sizes) -> int:
    text = call.query.get("page[size]")
    if text is None:
        return sizes.default
    if not text.isdecimal() or not 1 <= int(text) <= sizes.maximum:
        raise refuse(
            f"Page size must be an integer between 1 and {sizes.maximum}.",
            parameter="page[size]",
        )
    return int(text)


def _cursor(key: Key) -> str:
    return urlsafe_b64encode(orjson.dumps(key)).decode()


def _read_cursor(text: str) -> Key | None:
    if not text:
        return None
    try:
        key = orjson.loads(urlsafe_b64decode(text))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list) or not key:
        raise refuse("Invalid cursor.", parameter="page[cursor]")
    return key


def _link(call: Call, *, cursor: str | None) -> str:
    query = dict(call.query)
    if cursor is not None:
        query["page[cursor]"] = cursor
    suffix = f"?{urlencode(query)}" if query else ""
    return f"{call.base_url}{call.path}{suffix}"
