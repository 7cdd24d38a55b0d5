"""Report of a demo: comparison, transitions, dead letters and exit code; pure."""

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
from streams.delivery.verdict import Verdict
from streams.settings.model import LaneId

LISTS_STAGE = f"deliver.{LaneId.LISTS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSnapshot:
    """Contents of the sandbox at the end of a demo.

    Attributes:
        lists: Lists with `name` and `members`.
        profiles: Profiles with their attributes.
        events: Events with metric and profile id.
        consents: Consents by channel, with profile id.
    """

    lists: SandboxRows
    profiles: SandboxRows
    events: SandboxRows
    consents: SandboxRows


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionTotals:
    """Number of expected transitions, and of the outcomes.

    Attributes:
        expected: Transitions in the expected state.
        sent: Transitions accepted by Klaviyo.
        superseded: Transitions replaced by a later change of the same membership.
        no_profile: Removals of users without a profile in Klaviyo.
    """

    expected: int
    sent: int
    superseded: int
    no_profile: int

    @property
    def accounted_for(self) -> int:
        """Number of transitions with an outcome."""
        return self.sent + self.superseded + self.no_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """Complete result of a demo.

    Attributes:
        rows: Comparison of each list, metric and channel.
        transitions: Totals of the membership changes.
        dead_letters: Number of dead letters; must be 0.
    """

    rows: tuple[ComparisonRow, ...]
    transitions: TransitionTotals
    dead_letters: int

    @property
    def passed(self) -> bool:
        """True if rows are equal, transitions complete, and no record failed."""
        is_equal = all(row.verdict == EQUAL for row in self.rows)
        is_complete = self.transitions.expected == self.transitions.accounted_for
        return is_equal and is_complete and not self.dead_letters

    @property
    def exit_code(self) -> int:
        """Exit code: 0 if the demo passed, else 1."""
        return 0 if self.passed else 1


def build_report(
    expected: ExpectedState, actual: SandboxSnapshot, *, outcomes: OutcomeCounts
) -> DemoReport:
    """Build the report of a demo.

    Args:
        expected: State computed independently of the pipeline.
        actual: Contents of the sandbox at the end.
        outcomes: Counts of the outcomes.
    """
    return DemoReport(
        rows=(
            *compare_lists(expected, actual.lists),
            compare_profiles(expected, actual.profiles),
            *compare_events(expected, actual.events, actual.profiles),
            *compare_consents(expected, actual.consents, actual.profiles),
        ),
        transitions=_count_transitions(expected, outcomes),
        dead_letters=sum(
            count
            for (_, _, verdict, _), count in outcomes.items()
            if verdict == Verdict.DEAD_LETTER
        ),
    )


def _count_transitions(
    expected: ExpectedState, outcomes: OutcomeCounts
) -> TransitionTotals:
    counts: Counter[tuple[str, str]] = Counter()
    for (stage, _, verdict, code), count in outcomes.items():
        if stage == LISTS_STAGE:
            counts[verdict, code] += count
    return TransitionTotals(
        expected=expected.transitions,
        sent=sum(
            n for (verdict, _), n in counts.items() if verdict == Verdict.DELIVERED
        ),
        superseded=counts[Verdict.DISCARDED, "superseded"],
        no_profile=counts[Verdict.DISCARDED, "no-such-profile"],
    )
