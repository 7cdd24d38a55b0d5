"""What Klaviyo holds against what it must hold; pure, and the demo's exit code."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.demo.traffic import Endings
from agents.demo.workload import Truth
from streams.actions.activation import Lane
from streams.delivery.verdict import Verdict

LISTS_STAGE = f"deliver.{Lane.LISTS}"
PROFILES = "(profiles updated)"
EQUAL = "equal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One list, or the updated profiles.

    Attributes:
        name: The list's name.
        expected: E-mail addresses by the truth.
        held: E-mail addresses in Klaviyo.
        copies: Lists of that name in Klaviyo.
        wanted: Whether there may be such a list.
    """

    name: str
    expected: frozenset[str]
    held: frozenset[str]
    copies: int = 1
    wanted: bool = True

    @property
    def missing(self) -> int:
        """How many Klaviyo lacks."""
        return len(self.expected - self.held)

    @property
    def unexpected(self) -> int:
        """How many Klaviyo has too many."""
        return len(self.held - self.expected)

    @property
    def words(self) -> str:
        """The verdict."""
        if not self.wanted:
            return "NOT WANTED"
        if self.copies > 1:
            return f"{self.copies} LISTS"
        return EQUAL if self.expected == self.held else "DIFFERENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """True changes of membership, and what became of what was made of them.

    Attributes:
        true: By the truth.
        sent: Klaviyo took them.
        superseded: A later change of the same profile and list was sent.
        no_profile: Removals of people Klaviyo has never heard of.
    """

    true: int
    sent: int
    superseded: int
    no_profile: int

    @property
    def told(self) -> int:
        """All that became of them."""
        return self.sent + self.superseded + self.no_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The comparison, whole."""

    checks: tuple[Check, ...]
    edges: Edges

    @property
    def passed(self) -> bool:
        """Whether everything is as it must be."""
        equal = all(check.words == EQUAL for check in self.checks)
        return equal and self.edges.true == self.edges.told

    @property
    def exit_code(self) -> int:
        """0 when it passed, else 1."""
        return 0 if self.passed else 1


def judge(
    truth: Truth,
    *,
    lists: Sequence[Mapping[str, Any]],
    profiles: Sequence[Mapping[str, Any]],
    endings: Endings,
) -> Judgement:
    """Compare.

    Args:
        truth: Computed apart from the pipeline.
        lists: The sandbox's, each with `name` and `members`.
        profiles: The sandbox's; an updated one has a first name.
        endings: What became of the source records.
    """
    others = {one["name"] for one in lists} - truth.members.keys()
    names = [*sorted(truth.members), *sorted(others)]
    updated = frozenset(one["email"] for one in profiles if one.get("first_name"))
    return Judgement(
        checks=(
            *(_check(truth, name, lists) for name in names),
            Check(name=PROFILES, expected=truth.upserted, held=updated),
        ),
        edges=_edges(truth, endings),
    )


def _check(truth: Truth, name: str, lists: Sequence[Mapping[str, Any]]) -> Check:
    named = [one for one in lists if one["name"] == name]
    return Check(
        name=name,
        expected=truth.members.get(name, frozenset()),
        held=frozenset(who["email"] for one in named for who in one["members"]),
        copies=len(named),
        wanted=name in truth.members,
    )


def _edges(truth: Truth, endings: Endings) -> Edges:
    ends: Counter[tuple[str, str]] = Counter()
    for (stage, _, verdict, code), count in endings.items():
        if stage == LISTS_STAGE:
            ends[verdict, code] += count
    return Edges(
        true=truth.edges,
        sent=sum(n for (said, _), n in ends.items() if said == Verdict.DELIVERED),
        superseded=ends[Verdict.DISCARDED, "superseded"],
        no_profile=ends[Verdict.DISCARDED, "no-such-profile"],
    )
