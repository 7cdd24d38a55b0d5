"""What Klaviyo holds against what it must hold; pure, and the demo's exit code."""

from collections import Counter
from dataclasses import dataclass

from agents.demo.comparison import (
    EQUAL,
    ComparisonRow,
    SandboxRows,
    compare_consents,
    compare_events,
    compare_lists,
    compare_profiles,
)
from agents.demo.expected import ExpectedState
from agents.demo.kafka_traffic import OutcomeCounts
from streams.actions.activation import LaneId
from streams.delivery.verdict import Verdict

LISTS_STAGE = f"deliver.{LaneId.LISTS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSnapshot:
    """What the sandbox holds, as it shows it.

    Attributes:
        lists: Each with `name` and `members`.
        profiles: Each with its attributes.
        events: Each with its metric and the id of its profile.
        consents: Each with the id of its profile, and what it said by channel.
    """

    lists: SandboxRows
    profiles: SandboxRows
    events: SandboxRows
    consents: SandboxRows


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionTotals:
    """True changes of membership, and what became of what was made of them.

    Attributes:
        expected: By the truth.
        sent: Klaviyo took them.
        superseded: A later change of the same profile and list was sent.
        no_profile: Removals of people Klaviyo has never heard of.
    """

    expected: int
    sent: int
    superseded: int
    no_profile: int

    @property
    def accounted_for(self) -> int:
        """All that became of them."""
        return self.sent + self.superseded + self.no_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The comparison, whole.

    Attributes:
        rows: Each thing beside the truth.
        transitions: The sum of what was said of memberships.
        dead_letters: Source records that ended as one; none may.
    """

    rows: tuple[ComparisonRow, ...]
    transitions: TransitionTotals
    dead_letters: int

    @property
    def passed(self) -> bool:
        """Whether everything is as it must be."""
        equal = all(check.verdict == EQUAL for check in self.rows)
        summed = self.transitions.expected == self.transitions.accounted_for
        return equal and summed and not self.dead_letters

    @property
    def exit_code(self) -> int:
        """0 when it passed, else 1."""
        return 0 if self.passed else 1


def build_report(
    expected: ExpectedState, actual: SandboxSnapshot, *, outcomes: OutcomeCounts
) -> DemoReport:
    """Compare.

    Args:
        expected: Computed apart from the pipeline.
        actual: What Klaviyo has in the end.
        outcomes: What became of the source records.
    """
    return DemoReport(
        rows=(
            *compare_lists(expected, actual.lists),
            compare_profiles(expected, actual.profiles),
            *compare_events(expected, actual.events, actual.profiles),
            *compare_consents(expected, actual.consents, actual.profiles),
        ),
        transitions=_edges(expected, outcomes),
        dead_letters=sum(
            count
            for (_, _, verdict, _), count in outcomes.items()
            if verdict == Verdict.DEAD_LETTER
        ),
    )


def _edges(truth: ExpectedState, endings: OutcomeCounts) -> TransitionTotals:
    ends: Counter[tuple[str, str]] = Counter()
    for (stage, _, verdict, code), count in endings.items():
        if stage == LISTS_STAGE:
            ends[verdict, code] += count
    return TransitionTotals(
        expected=truth.transitions,
        sent=sum(n for (said, _), n in ends.items() if said == Verdict.DELIVERED),
        superseded=ends[Verdict.DISCARDED, "superseded"],
        no_profile=ends[Verdict.DISCARDED, "no-such-profile"],
    )
