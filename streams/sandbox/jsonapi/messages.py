"""A request as a handler sees it, and the answer it gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object."""

EpochClock: TypeAlias = Callable[[], float]
"""Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRequest:
    """One request, already read and admitted.

    Attributes:
        path_id: The id in the path; empty when the path has none.
        query: Query parameters, percent-decoded.
        body: The JSON body; None when there is none.
        base_url: Scheme and host the caller used, for links.
        path: Path as the caller wrote it, for links.
        now_s: When it was admitted.
    """

    path_id: str
    query: Mapping[str, str]
    body: object
    base_url: str
    path: str
    now_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What a fault does to an import job.

    Attributes:
        cancelled: Whether the job ends as cancelled, applying nothing.
        failing_count: How many of its leading profiles end as import errors.
    """

    cancelled: bool = False
    failing_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerResponse:
    """What a handler answers.

    Attributes:
        status: HTTP status.
        body: JSON document, or None for an empty body.
        items: How many items the request carried: profiles, ids or events.
        headers: Extra headers.
    """

    status: int = 200
    body: JsonObject | None = None
    items: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
