"""Klaviyo's lists, profiles, events and consents, each beside the truth; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from agents.demo.expected import ExpectedState
from agents.demo.workload.sample_event import ExpectedEvent

SandboxRows: TypeAlias = Sequence[Mapping[str, Any]]
"""What the sandbox answers."""

EQUAL = "equal"

_IDENTITY = frozenset(
    {"id", "email", "phone_number", "external_id", "anonymous_id", "lists"}
)
"""What says who a profile is; the rest of it is set by profile updates only."""

_NESTED = ("location", "properties")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One thing, by the truth and in Klaviyo: whom it is about, and what it says.

    Attributes:
        kind: `list`, `profile`, `event` or `consent`.
        name: The list's name, the metric's, the channel's.
        expected: By the truth.
        actual: In Klaviyo; there the same may be more than once.
        list_count: Lists of that name in Klaviyo.
        is_expected: Whether there may be such a thing.
    """

    kind: str
    name: str
    expected: Mapping[Any, Any]
    actual: Sequence[tuple[Any, Any]]
    list_count: int = 1
    is_expected: bool = True

    @property
    def missing(self) -> int:
        """How many Klaviyo lacks."""
        return len(self.expected.keys() - {key for key, _ in self.actual})

    @property
    def unexpected(self) -> int:
        """How many Klaviyo has too many; of the same, all but one."""
        due = self.expected.keys() & {key for key, _ in self.actual}
        return len(self.actual) - len(due)

    @property
    def wrong(self) -> int:
        """How many say something else in Klaviyo."""
        differing = {
            key
            for key, said in self.actual
            if key in self.expected and self.expected[key] != said
        }
        return len(differing)

    @property
    def verdict(self) -> str:
        """The verdict."""
        if not self.is_expected:
            return "NOT WANTED"
        if self.list_count > 1:
            return f"{self.list_count} LISTS"
        differs = self.missing or self.unexpected or self.wrong
        return "DIFFERENT" if differs else EQUAL


def compare_lists(truth: ExpectedState, lists: SandboxRows) -> Iterator[ComparisonRow]:
    """Compare who is on each list, by address."""
    for name in _names(truth.members, (one["name"] for one in lists)):
        named = [one for one in lists if one["name"] == name]
        yield ComparisonRow(
            kind="list",
            name=name,
            expected=dict.fromkeys(truth.members.get(name, ()), True),
            actual=[(who["email"], True) for one in named for who in one["members"]],
            list_count=len(named),
            is_expected=name in truth.members,
        )


def compare_profiles(truth: ExpectedState, profiles: SandboxRows) -> ComparisonRow:
    """Compare all that is set of profiles beyond who they are."""
    found = [(one["email"], _attributes(one)) for one in profiles]
    return ComparisonRow(
        kind="profile",
        name="(profiles updated)",
        expected=truth.attributes,
        actual=[(email, attributes) for email, attributes in found if attributes],
    )


def compare_events(
    truth: ExpectedState, events: SandboxRows, profiles: SandboxRows
) -> Iterator[ComparisonRow]:
    """Compare what is recorded, metric by metric."""
    users = _users(profiles)
    metrics = {metric for _, metric, _ in truth.events}
    for name in _names(metrics, (one["metric"] for one in events)):
        yield ComparisonRow(
            kind="event",
            name=name,
            expected={
                (user, unique_id): _said(recorded)
                for (user, metric, unique_id), recorded in truth.events.items()
                if metric == name
            },
            actual=[
                ((users.get(one["profile_id"]), one["unique_id"]), _held(one))
                for one in events
                if one["metric"] == name
            ],
            is_expected=name in metrics,
        )


def compare_consents(
    truth: ExpectedState, consents: SandboxRows, profiles: SandboxRows
) -> Iterator[ComparisonRow]:
    """Compare what everybody has said of each channel."""
    users = _users(profiles)
    said = [
        (users.get(one["profile_id"]), channel, consent["status"])
        for one in consents
        for channel, consent in one["consents"].items()
    ]
    known = {channel for _, channel in truth.consents}
    for name in _names(known, (channel for _, channel, _ in said)):
        yield ComparisonRow(
            kind="consent",
            name=name,
            expected={
                user: status
                for (user, channel), status in truth.consents.items()
                if channel == name
            },
            actual=[
                (user, status) for user, channel, status in said if channel == name
            ],
            is_expected=name in known,
        )


def _names(known: Iterable[str], held: Iterable[str]) -> list[str]:
    """What the truth knows, then what only Klaviyo has."""
    return [*sorted(known), *sorted({*held} - {*known})]


def _users(profiles: SandboxRows) -> dict[str, str | None]:
    """Profile id -> user; whatever hangs on a profile of nobody's is unexpected."""
    return {one["id"]: one["external_id"] for one in profiles}


def _attributes(profile: Mapping[str, Any]) -> dict[str, Any]:
    plain = {
        name: value
        for name, value in profile.items()
        if name not in _IDENTITY and name not in _NESTED and value is not None
    }
    nested = {
        f"{part}.{name}": value
        for part in _NESTED
        for name, value in profile.get(part, {}).items()
    }
    return plain | nested


def _said(one: ExpectedEvent) -> tuple[Any, ...]:
    return one.time_s, one.value, one.currency, one.properties


def _held(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return one["time_s"], one["value"], one["value_currency"], one["properties"]
