"""What was asked of the sandbox: a bounded log, and counters that never drop."""

from collections import Counter, deque
from dataclasses import dataclass

from streams.sandbox.jsonapi.messages import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLogEntry:
    """One request.

    Attributes:
        time_s: When it arrived.
        method: HTTP method.
        path: Path as sent, without the query.
        template: Path with `{id}` for the id.
        status: Status of the answer; 0 when the connection was cut.
        items: Profiles, ids or events it carried; 0 when it was refused.
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
        """Write the entry."""
        return {name: getattr(self, name) for name in self.__slots__}


class RequestLog:
    """The log and its counters.

    Args:
        size: How many entries are kept.
    """

    def __init__(self, *, size: int) -> None:
        self.entries: deque[RequestLogEntry] = deque(maxlen=size)
        self.request_counts: Counter[tuple[str, str, int]] = Counter()
        self.item_counts: Counter[tuple[str, str, int]] = Counter()

    def add(self, entry: RequestLogEntry) -> None:
        """Write one request down."""
        self.entries.append(entry)
        key = (entry.method, entry.template, entry.status)
        self.request_counts[key] += 1
        self.item_counts[key] += entry.items

    def clear(self) -> None:
        """Forget everything, the counters too."""
        self.entries.clear()
        self.request_counts.clear()
        self.item_counts.clear()

    def counters(self) -> list[JsonObject]:
        """Write the counters, one object for each method, template and status."""
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
