"""Reasons out of Klaviyo's errors, without anything a person may have sent.

`detail` is never read: it may repeat the value that was refused. Of `title` only plain
words are kept, of `pointer` only Klaviyo's own member names.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

ApiError = Mapping[str, Any]
"""One JSON:API error object, or the attributes of an import error."""

_CODE_MAX_CHARS = 64
_TITLE_MAX_CHARS = 80
_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*[.,:;]?")
_MEMBER_NAME = re.compile(r"[a-z][a-z_-]{0,39}")

_ITEM_POINTER = re.compile(
    r"/data/(?:attributes/[a-z-]+/data/)?([0-9]{1,6})(?:/(.*))?", re.DOTALL
)
"""`/data/attributes/profiles/data/<i>/...` of bulk requests, `/data/<i>/...` of
relationships; `/data/relationships/...` names no item.
"""

_FREE_FORM_MEMBER = "properties"
"""Below it the member names are the sender's."""


def parse_errors(document: object) -> list[ApiError]:
    """List the JSON:API errors of an answer; empty when it is not one."""
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict)]


def describe_error(error: ApiError, *, default: str = "rejected") -> str:
    """Say what is wrong: `code: title at place`."""
    code = error_code(error) or default
    description = " ".join(
        text for text in (_safe_title(error), _member_path(error)) if text
    )
    return f"{code}: {description}" if description else code


def error_code(error: ApiError) -> str:
    """Read the error's code, kebab-case; empty when it has none."""
    text = str(error.get("code") or "").lower()
    return re.sub(r"[^a-z0-9]+", "-", text)[:_CODE_MAX_CHARS].strip("-")


def error_item_index(error: ApiError) -> int | None:
    """Read which item of the request's array the error is about."""
    match = _ITEM_POINTER.fullmatch(error_source(error, "pointer"))
    return int(match[1]) if match else None


def error_source(error: ApiError, member: str) -> str:
    """Read `source.pointer`, `source.parameter` or `source.header`, or nothing."""
    source = error.get("source")
    value = source.get(member) if isinstance(source, dict) else None
    return value if isinstance(value, str) else ""


def reasons_by_item(errors: Iterable[ApiError]) -> dict[int, str]:
    """Give each item that errors name its first reason."""
    reasons: dict[int, str] = {}
    for error in errors:
        index = error_item_index(error)
        if index is not None:
            reasons.setdefault(index, describe_error(error))
    return reasons


def _safe_title(error: ApiError) -> str:
    title = error.get("title")
    title_words = title[:_TITLE_MAX_CHARS].split() if isinstance(title, str) else []
    return " ".join(
        title_word for title_word in title_words if _PLAIN_WORD.fullmatch(title_word)
    ).rstrip(".")


def _member_path(error: ApiError) -> str:
    """Name the member, without the item's number and the sender's own names."""
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
