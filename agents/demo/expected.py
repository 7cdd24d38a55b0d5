"""Expected state of Klaviyo, computed from the published events.

The computation is independent of the pipeline: nothing from `streams/` is imported, so
that the two can disagree.

Memberships, consents and attributes end as the latest event by event time says; at
equal times, as the later publication says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.demo.workload.sample_event import ExpectedEvent, SampleEvent
from agents.demo.workload.users import email_of

EventKey = tuple[str, str, str]
"""User, metric, unique id."""

ConsentKey = tuple[str, str]
"""User, channel and purpose such as `email/marketing`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedState:
    """Expected contents of Klaviyo, and the number of transitions.

    Attributes:
        members: Audience -> e-mail addresses of its members.
        transitions: Number of membership changes, in the order of publication.
        attributes: E-mail address -> profile attributes.
        events: Events that must be recorded exactly once.
        consents: Last consent status for each channel.
    """

    members: dict[str, frozenset[str]]
    transitions: int
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    events: Mapping[EventKey, ExpectedEvent] = field(default_factory=dict)
    consents: Mapping[ConsentKey, str] = field(default_factory=dict)

    @property
    def upserted(self) -> frozenset[str]:
        """E-mail addresses of users with updated profiles."""
        return frozenset(self.attributes)


def compute_expected(
    published: Sequence[SampleEvent], audiences: Iterable[str]
) -> ExpectedState:
    """Compute the expected state: the latest event time wins.

    At equal times the later publication wins; a duplicate changes nothing.
    """
    last: dict[tuple[str, str], tuple[int, bool]] = {}
    edges = 0
    for event in _without_duplicates(published):
        membership_key = (event.user, event.audience)
        before = last.get(membership_key)
        if not event.audience or (before is not None and event.time_ms < before[0]):
            continue
        edges += before is None or before[1] != event.entered
        last[membership_key] = (event.time_ms, event.entered)
    return ExpectedState(
        members={name: _inside(last, name) for name in audiences},
        transitions=edges,
        attributes=_attributes(published),
        events={
            (event.user, recorded.metric, recorded.unique_id): recorded
            for event in published
            for recorded in event.expected_events
        },
        consents=_ConsentTable.from_events(published).status,
    )


def count_expected_outcomes(published: Iterable[SampleEvent]) -> list[int]:
    """Count the expected outcomes of each event: 1 or more."""
    consents, seen = _ConsentTable(), set[bytes]()
    counts = []
    for event in published:
        is_news = event.body not in seen and consents.apply(event)
        seen.add(event.body)
        counts.append(max(1, len(event.expected_events) + is_news))
    return counts


def _without_duplicates(published: Iterable[SampleEvent]) -> Iterator[SampleEvent]:
    seen: set[bytes] = set()
    for event in published:
        if event.body not in seen:
            seen.add(event.body)
            yield event


def _inside(
    last: dict[tuple[str, str], tuple[int, bool]], audience: str
) -> frozenset[str]:
    return frozenset(
        email_of(user)
        for (user, name), (_, entered) in last.items()
        if name == audience and entered
    )


def _attributes(published: Iterable[SampleEvent]) -> dict[str, dict[str, Any]]:
    attributes: dict[str, dict[str, Any]] = {}
    for event in sorted(published, key=lambda event: event.time_ms):
        if event.is_profile_update:
            attributes.setdefault(email_of(event.user), {}).update(event.attributes)
    return attributes


class _ConsentTable:
    """Last consent of each user for each channel."""

    def __init__(self) -> None:
        self.status: dict[ConsentKey, str] = {}
        self._last_change_ms: dict[ConsentKey, int] = {}

    @classmethod
    def from_events(cls, published: Iterable[SampleEvent]) -> "_ConsentTable":
        consents = cls()
        for event in _without_duplicates(published):
            consents.apply(event)
        return consents

    def apply(self, event: SampleEvent) -> bool:
        """Apply an event; return True if any consent changes."""
        is_news = False
        for channel, status in event.consents.items():
            key = (event.user, channel)
            if event.time_ms >= self._last_change_ms.get(key, event.time_ms):
                self._last_change_ms[key] = event.time_ms
                self.status[key] = status
                is_news = True
        return is_news
