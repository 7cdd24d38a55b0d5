"""Bounded log of requests, and counters that are never truncated."""

from collections import Counter, deque
from dataclasses import dataclass

from streams.sandbox.jsonapi.messages import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLogEntry:
    """Request in the log.

    Attributes:
        time_s: Time of arrival.
        method: HTTP method.
        path: Path as sent, without the query.
        template: Path with `{id}` for the id.
        status: Status of the response; 0 if the connection was cut.
        items: Profiles, ids or events in the request; 0 if the request was rejected.
        revision: Header `revision`.
    """

    time_s: float
    method: str
    path: str
    template: str
    status: int
    items: int
    revision: str

    def as_json(self) -> JsonObject:
        """Return the entry as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class RequestLog:
    """Log of the latest requests, and counters of all requests.

    Args:
        size: Number of entries to keep.
    """

    def __init__(self, *, size: int) -> None:
        self.entries: deque[RequestLogEntry] = deque(maxlen=size)
        self.request_counts: Counter[tuple[str, str, int]] = Counter()
        self.item_counts: Counter[tuple[str, str, int]] = Counter()

    def add(self, entry: RequestLogEntry) -> None:
        """Add a request to the log and the counters."""
        self.entries.append(entry)
        key = (entry.method, entry.template, entry.status)
        self.request_counts[key] += 1
        self.item_counts[key] += entry.items

    def clear(self) -> None:
        """Delete all entries and counters."""
        self.entries.clear()
        self.request_counts.clear()
        self.item_counts.clear()

    def counters(self) -> list[JsonObject]:
        """Return the counters as JSON, an object per method, template and status."""
        return [
            {
                "method": method,
                "path": template,
                "status": status,
                "requests": requests,
                "items": self.item_counts[method, template, status],
            }
            for (method, template, status), requests in sorted(
                self.request_counts.items()
            )
        ]
