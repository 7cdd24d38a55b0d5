"""What was asked of the sandbox: a bounded log, and counters that never drop."""

from collections import Counter, deque
from dataclasses import dataclass

from streams.sandbox.calls import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
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

    def as_json(self) -> Json:
        """Write the entry."""
        return {name: getattr(self, name) for name in self.__slots__}


class RequestLog:
    """The log and its counters.

    Args:
        size: How many entries are kept.
    """

    def __init__(self, *, size: int) -> None:
        self.entries: deque[Entry] = deque(maxlen=size)
        self.counts: Counter[tuple[str, str, int]] = Counter()
        self.items: Counter[tuple[str, str, int]] = Counter()

    def add(self, entry: Entry) -> None:
        """Write one request down."""
        self.entries.append(entry)
        key = (entry.method, entry.template, entry.status)
        self.counts[key] += 1
        self.items[key] += entry.items

    def clear(self) -> None:
        """Forget everything, the counters too."""
        self.entries.clear()
        self.counts.clear()
        self.items.clear()

    def counters(self) -> list[Json]:
        """Write the counters, one object for each method, template and status."""
        return [
            {
                "method": method,
                "path": template,
                "status": status,
                "requests": requests,
                "items": self.items[method, template, status],
            }
            for (method, template, status), requests in sorted(self.counts.items())
        ]
