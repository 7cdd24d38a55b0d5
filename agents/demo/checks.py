"""Klaviyo's lists, profiles, events and consents, each beside the truth; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from agents.demo.happening import Recorded
from agents.demo.truth import Truth

Rows: TypeAlias = Sequence[Mapping[str, Any]]
"""What the sandbox answers."""

EQUAL = "equal"

_IDENTITY = frozenset(
    {"id", "email", "phone_number", "external_id", "anonymous_id", "lists"}
)
"""What says who a profile is; the rest of it is set by profile updates only."""

_NESTED = ("location", "properties")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing, by the truth and in Klaviyo: whom it is about, and what it says.

    Attributes:
        kind: `list`, `profile`, `event` or `consent`.
        name: The list's name, the metric's, the channel's.
        expected: By the truth.
        held: In Klaviyo; there the same may be more than once.
        copies: Lists of that name in Klaviyo.
        wanted: Whether there may be such a thing.
    """

    kind: str
    name: str
    expected: Mapping[Any, Any]
    held: Sequence[tuple[Any, Any]]
    copies: int = 1
    wanted: bool = True

    @property
    def missing(self) -> int:
        """How many Klaviyo lacks."""
        return len(self.expected.keys() - {key for key, _ in self.held})

    @property
    def unexpected(self) -> int:
        """How many Klaviyo has too many; of the same, all but one."""
        due = self.expected.keys() & {key for key, _ in self.held}
        return len(self.held) - len(due)

    @property
    def wrong(self) -> int:
        """How many say something else in Klaviyo."""
        differing = {
            key
            for key, said in self.held
            if key in self.expected and self.expected[key] != said
        }
        return len(differing)

    @property
    def words(self) -> str:
        """The verdict."""
        if not self.wanted:
            return "NOT WANTED"
        if self.copies > 1:
            return f"{self.copies} LISTS"
        differs = self.missing or self.unexpected or self.wrong
        return "DIFFERENT" if differs else EQUAL


def lists_beside(truth: Truth, lists: Rows) -> Iterator[Check]:
    """Compare who is on each list, by address."""
    for name in _names(truth.members, (one["name"] for one in lists)):
        named = [one for one in lists if one["name"] == name]
        yield Check(
            kind="list",
            name=name,
            expected=dict.fromkeys(truth.members.get(name, ()), True),
            held=[(who["email"], True) for one in named for who in one["members"]],
            copies=len(named),
            wanted=name in truth.members,
        )


def profiles_beside(truth: Truth, profiles: Rows) -> Check:
    """Compare all that is set of profiles beyond who they are."""
    found = [(one["email"], _attributes(one)) for one in profiles]
    return Check(
        kind="profile",
        name="(profiles updated)",
        expected=truth.attributes,
        held=[(email, attributes) for email, attributes in found if attributes],
    )


def events_beside(truth: Truth, events: Rows, profiles: Rows) -> Iterator[Check]:
    """Compare what is recorded, metric by metric."""
    users = _users(profiles)
    metrics = {metric for _, metric, _ in truth.events}
    for name in _names(metrics, (one["metric"] for one in events)):
        yield Check(
            kind="event",
            name=name,
            expected={
                (user, unique_id): _said(recorded)
                for (user, metric, unique_id), recorded in truth.events.items()
                if metric == name
            },
            held=[
                ((users.get(one["profile_id"]), one["unique_id"]), _held(one))
                for one in events
                if one["metric"] == name
            ],
            wanted=name in metrics,
        )


def consents_beside(truth: Truth, consents: Rows, profiles: Rows) -> Iterator[Check]:
    """Compare what everybody has said of each channel."""
    users = _users(profiles)
    said = [
        (users.get(one["profile_id"]), channel, consent["status"])
        for one in consents
        for channel, consent in one["consents"].items()
    ]
    known = {channel for _, channel in truth.consents}
    for name in _names(known, (channel for _, channel, _ in said)):
        yield Check(
            kind="consent",
            name=name,
            expected={
                user: status
                for (user, channel), status in truth.consents.items()
                if channel == name
            },
            held=[(user, status) for user, channel, status in said if channel == name],
            wanted=name in known,
        )


def _names(known: Iterable[str], held: Iterable[str]) -> list[str]:
    """What the truth knows, then what only Klaviyo has."""
    return [*sorted(known), *sorted({*held} - {*known})]


def _users(profiles: Rows) -> dict[str, str | None]:
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


def _said(one: Recorded) -> tuple[Any, ...]:
    return one.time_s, one.value, one.currency, one.properties


def _held(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return one["time_s"], one["value"], one["value_currency"], one["properties"]
