"""What Klaviyo must hold in the end, computed from what is published.

Apart from the pipeline: nothing of `streams/` is imported, so that the two can
disagree.

Memberships, consents and attributes go by event time, whatever the order of arrival;
at equal times by arrival.
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
    """What Klaviyo must hold in the end, and what had to be said for it.

    Attributes:
        members: Audience -> e-mail addresses.
        transitions: How many times a membership changed, in the order of publication.
        attributes: E-mail address -> what is set of the profile.
        events: What must be recorded, each once.
        consents: What was last said of each channel.
    """

    members: dict[str, frozenset[str]]
    transitions: int
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    events: Mapping[EventKey, ExpectedEvent] = field(default_factory=dict)
    consents: Mapping[ConsentKey, str] = field(default_factory=dict)

    @property
    def upserted(self) -> frozenset[str]:
        """E-mail addresses of the users whose profile was set."""
        return frozenset(self.attributes)


def compute_expected(
    published: Sequence[SampleEvent], audiences: Iterable[str]
) -> ExpectedState:
    """Replay what was published by the rule: the latest event time has the last word.

    At equal times the later publication has it; a second publication says nothing.
    """
    last: dict[tuple[str, str], tuple[int, bool]] = {}
    edges = 0
    for one in _without_duplicates(published):
        membership_key = (one.user, one.audience)
        before = last.get(membership_key)
        if not one.audience or (before is not None and one.time_ms < before[0]):
            continue
        edges += before is None or before[1] != one.entered
        last[membership_key] = (one.time_ms, one.entered)
    return ExpectedState(
        members={name: _inside(last, name) for name in audiences},
        transitions=edges,
        attributes=_attributes(published),
        events={
            (one.user, what.metric, what.unique_id): what
            for one in published
            for what in one.expected_events
        },
        consents=_ConsentTable.from_events(published).status,
    )


def count_expected_outcomes(published: Iterable[SampleEvent]) -> list[int]:
    """How many outcomes each must have: one for each thing that is done for it."""
    consents, seen = _ConsentTable(), set[bytes]()
    counts = []
    for one in published:
        news = one.body not in seen and consents.apply(one)
        seen.add(one.body)
        counts.append(max(1, len(one.expected_events) + news))
    return counts


def _without_duplicates(published: Iterable[SampleEvent]) -> Iterator[SampleEvent]:
    seen: set[bytes] = set()
    for one in published:
        if one.body not in seen:
            seen.add(one.body)
            yield one


def _inside(
    last: dict[tuple[str, str], tuple[int, bool]], audience: str
) -> frozenset[str]:
    return frozenset(
        email_of(user)
        for (user, name), (_, entered) in last.items()
        if name == audience and entered
    )


def _attributes(published: Iterable[SampleEvent]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in sorted(published, key=lambda one: one.time_ms):
        if one.is_profile_update:
            found.setdefault(email_of(one.user), {}).update(one.attributes)
    return found


class _ConsentTable:
    """The last word of each user on each channel."""

    def __init__(self) -> None:
        self.status: dict[ConsentKey, str] = {}
        self._last_change_ms: dict[ConsentKey, int] = {}

    @classmethod
    def from_events(cls, published: Iterable[SampleEvent]) -> "_ConsentTable":
        consents = cls()
        for one in _without_duplicates(published):
            consents.apply(one)
        return consents

    def apply(self, one: SampleEvent) -> bool:
        """Whether it says anything that no later event has said."""
        news = False
        for channel, status in one.consents.items():
            key = (one.user, channel)
            if one.time_ms >= self._last_change_ms.get(key, one.time_ms):
                self._last_change_ms[key] = one.time_ms
                self.status[key] = status
                news = True
        return news
