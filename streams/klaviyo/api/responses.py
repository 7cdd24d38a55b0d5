"""Parser for responses: status, headers and body become a result and signals."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec
import orjson

from streams.klaviyo.api import error_reasons
from streams.klaviyo.api.endpoints import DAILY_RETRY_AFTER_MIN_S, Endpoint
from streams.klaviyo.api.results import (
    Accepted,
    AttemptResult,
    Conflict,
    NotFound,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
    TooLarge,
)
from streams.rate_limiting.pacing import RequestOutcome, Signals

RETRY_AFTER_DEFAULT_S = 1.0
"""Wait in seconds after a 429 without a valid Retry-After: the burst window."""

_RETRY_AFTER_MAX_S = 172_800.0
"""Longest accepted Retry-After in seconds: two days, longer than any quota window."""

_EMPTY_BODY_STATUSES = frozenset({202, 204})
"""Success statuses without a body; a missing body on any other 2xx is a cut
response."""

_OPERATOR_REASONS = {
    401: "unauthorized",
    402: "payment-required",
    405: "method-refused",
    406: "not-acceptable",
    407: "proxy-unauthorized",
    410: "revision-retired",
    415: "media-type-refused",
}
"""Reasons for statuses that concern the key, the account, the revision or this program,
and not the data."""

_TOO_LARGE_STATUSES = frozenset({413, 414, 431})
_TEMPORARY_STATUSES = frozenset({408, 425})

_POLICY = re.compile(r"\s*([0-9]{1,9})\s*;\s*w=([0-9]{1,9})\s*", re.ASCII)
"""Pattern of one window in `RateLimit-Limit`, such as `150;w=60`. A number of more than
nine digits is not a plausible count of requests or seconds, in any header."""

_WHOLE_NUMBER = re.compile(r"\s*[0-9]{1,9}\s*", re.ASCII)


def parse_response(
    status: int, headers: Mapping[str, str], body: bytes
) -> AttemptResult:
    """Parse a response to a result; never raises.

    Args:
        status: HTTP status.
        headers: Header names in lower case, or a case-insensitive mapping.
        body: Body as received.
    """
    if not 200 <= status < 300:
        return _parse_failure(status, headers, body)
    if not body.strip() and status in _EMPTY_BODY_STATUSES:
        return Accepted(status=status)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        return Accepted(status=status, data=document)
    return Temporary(status=status, reason="unreadable-answer")


def _parse_failure(
    status: int, headers: Mapping[str, str], body: bytes
) -> AttemptResult:
    if status == 429:
        return Throttled(status=status, retry_after_s=_parse_retry_after_s(headers))
    if status in _TOO_LARGE_STATUSES:
        return TooLarge(status=status)
    if 300 <= status < 400 or status in _OPERATOR_REASONS:
        reason = _OPERATOR_REASONS.get(status, "redirected")
        return OperatorFault(status=status, reason=reason)
    if 400 <= status < 500 and status not in _TEMPORARY_STATUSES:
        return _parse_client_error(status, headers, body)
    return Temporary(status=status, reason=f"http-{status}")


def read_signals(
    endpoint: Endpoint,
    result: AttemptResult,
    headers: Mapping[str, str],
    *,
    latency_s: float = 0.0,
) -> Signals:
    """Read the signals for the rate limiter from a response.

    An exhausted daily quota must not pause the endpoint, so the response counts as
    served and the caller handles the result.

    Args:
        endpoint: Endpoint of the request.
        result: Result of the request.
        headers: Header names in lower case, or a case-insensitive mapping.
        latency_s: Time from the request to the response.
    """
    outcome, retry_after_s = RequestOutcome.SERVED, 0.0
    if isinstance(result, Temporary | OperatorFault):
        outcome = RequestOutcome.FAILED
    elif isinstance(result, Throttled) and not _is_daily_quota(endpoint, result):
        outcome, retry_after_s = RequestOutcome.THROTTLED, result.retry_after_s
    policies = map(_POLICY.fullmatch, headers.get("ratelimit-limit", "").split(","))
    windows = {int(policy[2]): int(policy[1]) for policy in policies if policy}
    remaining, reset_s = (
        int(text) if _WHOLE_NUMBER.fullmatch(text) else None
        for text in (
            headers.get("ratelimit-remaining", ""),
            headers.get("ratelimit-reset", ""),
        )
    )
    return Signals(
        outcome=outcome,
        retry_after_s=retry_after_s,
        remaining=remaining,
        reset_s=reset_s,
        burst_per_s=windows.get(1) or None,  # a limit of 0 is ignored
        steady_per_min=windows.get(60) or None,
        latency_s=latency_s,
    )


def _is_daily_quota(endpoint: Endpoint, result: Throttled) -> bool:
    return (
        endpoint.daily_limit is not None
        and result.retry_after_s > DAILY_RETRY_AFTER_MIN_S
    )


def _parse_client_error(
    status: int, headers: Mapping[str, str], body: bytes
) -> AttemptResult:
    errors = error_reasons.parse_errors(body)
    if headers.get("cf-mitigated") == "challenge" or (status == 403 and not errors):
        return Temporary(status=status, reason="blocked-by-challenge", is_blocked=True)
    if not errors:
        return Temporary(status=status, reason="not-klaviyos-answer")
    if status == 403:
        code = error_reasons.error_code(errors[0])
        return OperatorFault(status=status, reason=code or "forbidden")
    if any(map(_is_about_revision, errors)):
        return OperatorFault(status=status, reason="revision-refused")
    return _parse_rejection(status, errors)


_DUPLICATE = "duplicate_profile"
"""Code of a conflict of identity; the id of a profile may be missing beside it."""


def _code(error: error_reasons.ErrorObject) -> object:
    return error.get("code")


def _parse_rejection(
    status: int, errors: list[error_reasons.ErrorObject]
) -> AttemptResult:
    duplicate = _duplicate_profile_id(errors)
    if status == 409 and (duplicate or _DUPLICATE in map(_code, errors)):
        return Conflict(status=status, duplicate_profile_id=duplicate)
    first = error_reasons.describe_error(errors[0], default=f"http-{status}")
    items = error_reasons.reasons_by_item(errors)
    if status == 404:
        return NotFound(status=status, reason=first, item_reasons=items)
    return Rejected(status=status, reason=first, item_reasons=items)


def _is_about_revision(error: error_reasons.ErrorObject) -> bool:
    names = (
        error_reasons.error_source(error, "parameter"),
        error_reasons.error_source(error, "header"),
    )
    return "revision" in names


def _duplicate_profile_id(errors: list[error_reasons.ErrorObject]) -> str:
    for error in errors:
        meta = error.get("meta")
        profile_id = (
            meta.get("duplicate_profile_id") if isinstance(meta, dict) else None
        )
        if isinstance(profile_id, str):
            return profile_id
    return ""


def _parse_retry_after_s(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), _RETRY_AFTER_MAX_S)
    until, now = _parse_http_date(text), _parse_http_date(headers.get("date", ""))
    if until is None or now is None:
        return RETRY_AFTER_DEFAULT_S
    return min(max((until - now).total_seconds(), 0.0), _RETRY_AFTER_MAX_S)


def _parse_http_date(text: str) -> datetime | None:
    """Parse an HTTP date; return None for a date without a time zone."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else None


def resources(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the resources of a document, whether a list or a single resource."""
    data = document.get("data")
    rows = data if isinstance(data, list) else [data]
    return [row for row in rows if isinstance(row, dict)]


def resource_id(resource: Mapping[str, Any]) -> str:
    """Return the ID of a resource, or an empty string."""
    resource_id_value = resource.get("id")
    return resource_id_value if isinstance(resource_id_value, str) else ""


def single_resource_id(document: Mapping[str, Any]) -> str:
    """Return the ID of a document's first resource, or an empty string."""
    match document.get("data"):
        case {"id": str(value)} | [{"id": str(value)}, *_]:
            return value
        case _:
            return ""


def resource_attributes(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the attributes of a resource, or an empty mapping."""
    attributes = resource.get("attributes")
    return attributes if isinstance(attributes, dict) else {}


class NextPage(msgspec.Struct, frozen=True):
    """Link to a further page, by cursor."""

    cursor: str


class LastPage(msgspec.Struct, frozen=True):
    """End of a listing: the page has no link to a further page."""


class InvalidPageLink(msgspec.Struct, frozen=True):
    """Link to a further page that has no valid cursor."""


PageLink: TypeAlias = NextPage | LastPage | InvalidPageLink


def parse_page_link(document: Mapping[str, Any]) -> PageLink:
    """Return the link of a page to the next page.

    Only the cursor is read from the link, so that the API key is never sent to another
    host.
    """
    links = document.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    if link is None:
        return LastPage()
    try:
        cursors = parse_qs(urlsplit(link).query).get("page[cursor]")
    except (ValueError, TypeError, AttributeError):
        return InvalidPageLink()
    return NextPage(cursors[0]) if cursors else InvalidPageLink()
