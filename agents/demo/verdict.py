"""What Klaviyo holds against what it must hold; pure, and the demo's exit code."""

from collections import Counter
from dataclasses import dataclass

from agents.demo.checks import (
    EQUAL,
    Check,
    Rows,
    consents_beside,
    events_beside,
    lists_beside,
    profiles_beside,
)
from agents.demo.traffic import Endings
from agents.demo.truth import Truth
from streams.actions.activation import LaneId
from streams.delivery.verdict import Verdict

LISTS_STAGE = f"deliver.{LaneId.LISTS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the sandbox holds, as it shows it.

    Attributes:
        lists: Each with `name` and `members`.
        profiles: Each with its attributes.
        events: Each with its metric and the id of its profile.
        consents: Each with the id of its profile, and what it said by channel.
    """

    lists: Rows
    profiles: Rows
    events: Rows
    consents: Rows


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
    """The comparison, whole.

    Attributes:
        checks: Each thing beside the truth.
        edges: The sum of what was said of memberships.
        dead_letters: Source records that ended as one; none may.
    """

    checks: tuple[Check, ...]
    edges: Edges
    dead_letters: int

    @property
    def passed(self) -> bool:
        """Whether everything is as it must be."""
        equal = all(check.words == EQUAL for check in self.checks)
        summed = self.edges.true == self.edges.told
        return equal and summed and not self.dead_letters

    @property
    def exit_code(self) -> int:
        """0 when it passed, else 1."""
        return 0 if self.passed else 1


def judge(truth: Truth, held: Holdings, *, endings: Endings) -> Judgement:
    """Compare.

    Args:
        truth: Computed apart from the pipeline.
        held: What Klaviyo has in the end.
        endings: What became of the source records.
    """
    return Judgement(
        checks=(
            *lists_beside(truth, held.lists),
            profiles_beside(truth, held.profiles),
            *events_beside(truth, held.events, held.profiles),
            *consents_beside(truth, held.consents, held.profiles),
        ),
        edges=_edges(truth, endings),
        dead_letters=sum(
            count
            for (_, _, verdict, _), count in endings.items()
            if verdict == Verdict.DEAD_LETTER
        ),
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
