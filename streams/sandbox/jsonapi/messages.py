"""Requests and responses in the form that handlers use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""JSON object, decoded from text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRequest:
    """Request that passed authorization, rate limits and JSON decoding.

    Attributes:
        path_id: Id in the path; empty if the path has none.
        query: Query parameters, percent-decoded.
        body: JSON body; None if there is none.
        base_url: Scheme and host the caller used, for links.
        path: Path as the caller wrote it, for links.
        now_s: Time at which the request was admitted.
    """

    path_id: str
    query: Mapping[str, str]
    body: object
    base_url: str
    path: str
    now_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerResponse:
    """Response of a handler, before serialization.

    Attributes:
        status: HTTP status.
        body: JSON document, or None for an empty body.
        items: Number of profiles, ids or events that the request carried.
        headers: Extra headers.
    """

    status: int = 200
    body: JsonObject | None = None
    items: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
