"""Reasons from Klaviyo's errors, without any data of a person.

`detail` is never read, because the text may repeat the rejected value. Only plain words
are kept from `title`, and only Klaviyo's own member names from `pointer`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

ErrorObject = Mapping[str, Any]
"""JSON:API error object, or the attributes of an import error."""

_CODE_MAX_CHARS = 64
_TITLE_MAX_CHARS = 80
_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z'-]*[.,:;]?")
_MEMBER_NAME = re.compile(r"[a-z][a-z_-]{0,39}")

_ITEM_POINTER = re.compile(
    r"/data/(?:attributes/[a-z-]+/data/)?([0-9]{1,6})(?:/(.*))?", re.DOTALL
)
"""`/data/attributes/profiles/data/<i>/...` of bulk requests, `/data/<i>/...` of
relationships; `/data/relationships/...` refers to no item.
"""

_FREE_FORM_MEMBER = "properties"
"""Member whose children are named by the sender of the data."""


def parse_errors(body: bytes) -> list[ErrorObject]:
    """Return the JSON:API errors in the body of a response, or an empty list."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict)]


def describe_error(error: ErrorObject, *, default: str = "rejected") -> str:
    """Return a reason such as `code: title at path`."""
    code = error_code(error) or default
    description = " ".join(
        text for text in (_safe_title(error), _member_path(error)) if text
    )
    return f"{code}: {description}" if description else code


def error_code(error: ErrorObject) -> str:
    """Return the error's code in kebab-case, or an empty string."""
    text = str(error.get("code") or "").lower()
    return re.sub(r"[^a-z0-9]+", "-", text)[:_CODE_MAX_CHARS].strip("-")


def error_item_index(error: ErrorObject) -> int | None:
    """Return the index of the item that an error refers to, or None."""
    match = _ITEM_POINTER.fullmatch(error_source(error, "pointer"))
    return int(match[1]) if match else None


def error_source(error: ErrorObject, member: str) -> str:
    """Return `source.pointer`, `source.parameter` or `source.header` of an error."""
    source = error.get("source")
    value = source.get(member) if isinstance(source, dict) else None
    return value if isinstance(value, str) else ""


def reasons_by_item(errors: Iterable[ErrorObject]) -> dict[int, str]:
    """Return the first reason for each item that errors refer to."""
    reasons: dict[int, str] = {}
    for error in errors:
        index = error_item_index(error)
        if index is not None:
            reasons.setdefault(index, describe_error(error))
    return reasons


def _safe_title(error: ErrorObject) -> str:
    title = error.get("title")
    title_parts = title[:_TITLE_MAX_CHARS].split() if isinstance(title, str) else []
    return " ".join(
        title_part for title_part in title_parts if _PLAIN_TEXT.fullmatch(title_part)
    ).rstrip(".")


def _member_path(error: ErrorObject) -> str:
    """Return the member's path, without the item's index and the sender's own names."""
    pointer = error_source(error, "pointer")
    match = _ITEM_POINTER.fullmatch(pointer)
    member_pointer = (match[2] or "") if match else pointer.removeprefix("/data/")
    members: list[str] = []
    for member in member_pointer.strip("/").split("/"):
        if not _MEMBER_NAME.fullmatch(member):
            break
        members.append(member)
        if member == _FREE_FORM_MEMBER:
            break
    return f"at /{'/'.join(members)}" if members else ""
