"""Comparison of lists, profiles, events and consents with the expected state; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from agents.demo.expected import ExpectedState
from agents.demo.workload.sample_event import ExpectedEvent

SandboxRows: TypeAlias = Sequence[Mapping[str, Any]]
"""Rows of a JSON page of the sandbox."""

EQUAL = "equal"

_IDENTITY = frozenset(
    {"id", "email", "phone_number", "external_id", "anonymous_id", "lists"}
)
"""Identifiers of a profile; all other attributes come from profile updates."""

_NESTED = ("location", "properties")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """Expected and actual state of a list, metric or channel.

    Attributes:
        kind: `list`, `profile`, `event` or `consent`.
        name: Name of the list, metric or channel.
        expected: Expected entries.
        actual: Entries in Klaviyo; a key may occur more than once.
        list_count: Number of lists with that name in Klaviyo.
        is_expected: False if Klaviyo must not have such a list, metric or channel.
    """

    kind: str
    name: str
    expected: Mapping[Any, Any]
    actual: Sequence[tuple[Any, Any]]
    list_count: int = 1
    is_expected: bool = True

    @property
    def missing(self) -> int:
        """Number of expected entries that Klaviyo lacks."""
        return len(self.expected.keys() - {key for key, _ in self.actual})

    @property
    def unexpected(self) -> int:
        """Number of surplus entries in Klaviyo; of duplicates, all but the first."""
        due = self.expected.keys() & {key for key, _ in self.actual}
        return len(self.actual) - len(due)

    @property
    def wrong(self) -> int:
        """Number of entries with different contents in Klaviyo."""
        differing = {
            key
            for key, content in self.actual
            if key in self.expected and self.expected[key] != content
        }
        return len(differing)

    @property
    def verdict(self) -> str:
        """Result of the comparison, as printed in the table."""
        if not self.is_expected:
            return "UNEXPECTED"
        if self.list_count > 1:
            return f"{self.list_count} LISTS"
        differs = self.missing or self.unexpected or self.wrong
        return "DIFFERENT" if differs else EQUAL


def compare_lists(
    expected: ExpectedState, lists: SandboxRows
) -> Iterator[ComparisonRow]:
    """Compare the members of each list by e-mail address."""
    for name in _names(expected.members, (row["name"] for row in lists)):
        same_name = [row for row in lists if row["name"] == name]
        yield ComparisonRow(
            kind="list",
            name=name,
            expected=dict.fromkeys(expected.members.get(name, ()), True),
            actual=[
                (member["email"], True)
                for row in same_name
                for member in row["members"]
            ],
            list_count=len(same_name),
            is_expected=name in expected.members,
        )


def compare_profiles(expected: ExpectedState, profiles: SandboxRows) -> ComparisonRow:
    """Compare the attributes of profiles, identifiers left out."""
    attributes_by_email = [(row["email"], _attributes(row)) for row in profiles]
    return ComparisonRow(
        kind="profile",
        name="(profiles updated)",
        expected=expected.attributes,
        actual=[
            (email, attributes)
            for email, attributes in attributes_by_email
            if attributes
        ],
    )


def compare_events(
    expected: ExpectedState, events: SandboxRows, profiles: SandboxRows
) -> Iterator[ComparisonRow]:
    """Compare the recorded events of each metric."""
    users = _users(profiles)
    metrics = {metric for _, metric, _ in expected.events}
    for name in _names(metrics, (row["metric"] for row in events)):
        yield ComparisonRow(
            kind="event",
            name=name,
            expected={
                (user, unique_id): _expected_content(recorded)
                for (user, metric, unique_id), recorded in expected.events.items()
                if metric == name
            },
            actual=[
                ((users.get(row["profile_id"]), row["unique_id"]), _actual_content(row))
                for row in events
                if row["metric"] == name
            ],
            is_expected=name in metrics,
        )


def compare_consents(
    expected: ExpectedState, consents: SandboxRows, profiles: SandboxRows
) -> Iterator[ComparisonRow]:
    """Compare the consents for each channel."""
    users = _users(profiles)
    statuses = [
        (users.get(row["profile_id"]), channel, consent["status"])
        for row in consents
        for channel, consent in row["consents"].items()
    ]
    channels = {channel for _, channel in expected.consents}
    for name in _names(channels, (channel for _, channel, _ in statuses)):
        yield ComparisonRow(
            kind="consent",
            name=name,
            expected={
                user: status
                for (user, channel), status in expected.consents.items()
                if channel == name
            },
            actual=[
                (user, status) for user, channel, status in statuses if channel == name
            ],
            is_expected=name in channels,
        )


def _names(expected: Iterable[str], actual: Iterable[str]) -> list[str]:
    """Return the expected names, then names in Klaviyo only."""
    return [*sorted(expected), *sorted({*actual} - {*expected})]


def _users(profiles: SandboxRows) -> dict[str, str | None]:
    """Map profile id to user; a profile without a user counts as unexpected."""
    return {row["id"]: row["external_id"] for row in profiles}


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


def _expected_content(event: ExpectedEvent) -> tuple[Any, ...]:
    return event.time_s, event.value, event.currency, event.properties


def _actual_content(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["time_s"], row["value"], row["value_currency"], row["properties"]
