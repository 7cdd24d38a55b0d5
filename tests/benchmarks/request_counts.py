"""The sandbox's log of requests, counted by endpoint."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from streams.klaviyo.api.endpoints import Endpoint
from streams.sandbox.operations import OPERATIONS

WINDOW_S = 60
"""Klaviyo's steady window; the sandbox's begin at whole minutes of the epoch."""

_SLOW_DOWN = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Whole steady windows, seconds since the epoch."""

    begins_s: float
    ends_s: float

    @property
    def windows(self) -> float:
        """Number of requests counted."""
        return (self.ends_s - self.begins_s) / WINDOW_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Requests to an endpoint in a stretch of time.

    Attributes:
        name: Klaviyo's operation id.
        quota: Requests its steady windows admit in the stretch.
        asked: Requests.
        taken: Those answered 2xx.
        throttled: Those answered 429.
        items: What those taken carried.
    """

    name: str
    quota: float
    asked: int
    taken: int
    throttled: int
    items: int

    @property
    def used(self) -> float:
        """Share of the quota that was used."""
        return self.taken / self.quota

    @property
    def refused(self) -> float:
        """Share of the requests that were answered 429."""
        return self.throttled / self.asked if self.asked else 0.0


def steady_per_min(endpoint: Endpoint, *, scale: float) -> int:
    """The quota the sandbox holds an endpoint to."""
    return max(1, int(OPERATIONS[endpoint.name].steady_per_min * scale))


def within(log: Iterable[dict[str, Any]], stretch: Stretch) -> list[dict[str, Any]]:
    """The requests of a stretch."""
    begins_s, ends_s = stretch.begins_s, stretch.ends_s
    return [entry for entry in log if begins_s <= entry["time_s"] < ends_s]


def counted(
    entries: Sequence[dict[str, Any]],
    endpoint: Endpoint,
    *,
    stretch: Stretch,
    scale: float,
) -> Counted:
    """Count the requests to an endpoint."""
    mine = [
        entry
        for entry in entries
        if (entry["method"], entry["template"]) == (endpoint.method, endpoint.path)
    ]
    taken = [entry for entry in mine if 200 <= entry["status"] < 300]
    return Counted(
        name=endpoint.name,
        quota=steady_per_min(endpoint, scale=scale) * stretch.windows,
        asked=len(mine),
        taken=len(taken),
        throttled=sum(entry["status"] == _SLOW_DOWN for entry in mine),
        items=sum(entry["items"] for entry in taken),
    )
