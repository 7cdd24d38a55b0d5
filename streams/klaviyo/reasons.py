"""Reasons out of Klaviyo's errors, without anything a person may have sent.

`detail` is never read: it may repeat the value that was refused. Of `title` only plain
words are kept, of `pointer` only Klaviyo's own member names.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

Error = Mapping[str, Any]
"""One JSON:API error object, or the attributes of an import error."""

_CODE_MAX_CHARS = 64
_TITLE_MAX_CHARS = 80
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*[.,:;]?")
_MEMBER = re.compile(r"[a-z][a-z_-]{0,39}")

_ITEM = re.compile(
    r"/data/(?:attributes/[a-z-]+/data/)?([0-9]{1,6})(?:/(.*))?", re.DOTALL
)
"""`/data/attributes/profiles/data/<i>/...` of bulk requests, `/data/<i>/...` of
relationships; `/data/relationships/...` names no item.
"""

_FREE_FORM = "properties"
"""Below it the member names are the sender's."""


def errors_of(document: object) -> list[Error]:
    """List the JSON:API errors of an answer; empty when it is not one."""
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict)]


def reason(error: Error, *, default: str = "rejected") -> str:
    """Say what is wrong: `code: title at place`."""
    code = code_of(error) or default
    words = " ".join(part for part in (_title(error), _place(error)) if part)
    return f"{code}: {words}" if words else code


def code_of(error: Error) -> str:
    """Read the error's code, kebab-case; empty when it has none."""
    text = str(error.get("code") or "").lower()
    return re.sub(r"[^a-z0-9]+", "-", text)[:_CODE_MAX_CHARS].strip("-")


def item_of(error: Error) -> int | None:
    """Read which item of the request's array the error is about."""
    match = _ITEM.fullmatch(source_of(error, "pointer"))
    return int(match[1]) if match else None


def source_of(error: Error, member: str) -> str:
    """Read `source.pointer`, `source.parameter` or `source.header`, or nothing."""
    source = error.get("source")
    value = source.get(member) if isinstance(source, dict) else None
    return value if isinstance(value, str) else ""


def by_item(errors: Iterable[Error]) -> dict[int, str]:
    """Give each item that errors name its first reason."""
    reasons: dict[int, str] = {}
    for error in errors:
        place = item_of(error)
        if place is not None:
            reasons.setdefault(place, reason(error))
    return reasons


def _title(error: Error) -> str:
    title = error.get("title")
    words = title[:_TITLE_MAX_CHARS].split() if isinstance(title, str) else []
    return " ".join(word for word in words if _WORD.fullmatch(word)).rstrip(".")


def _place(error: Error) -> str:
    """Name the member, without the item's number and the sender's own names."""
    pointer = source_of(error, "pointer")
    match = _ITEM.fullmatch(pointer)
    rest = (match[2] or "") if match else pointer.removeprefix("/data/")
    members: list[str] = []
    for member in rest.strip("/").split("/"):
        if not _MEMBER.fullmatch(member):
            break
        members.append(member)
        if member == _FREE_FORM:
            break
    return f"at /{'/'.join(members)}" if members else ""
