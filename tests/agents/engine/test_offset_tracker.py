"""Offset up to which a partition may be committed."""

from hypothesis import given
from hypothesis import strategies as st

from agents.engine.partition import OffsetTracker


def test_nothing_delivered_has_no_commit_offset() -> None:
    """A partition without records is never committed."""
    tracker = OffsetTracker()

    assert tracker.commit_offset is None


def test_the_first_unfinished_offset_is_the_commit_offset() -> None:
    """Finishing out of order does not move the commit past an unfinished record."""
    tracker = OffsetTracker()
    tracker.track([5, 6, 7])

    tracker.mark_done([6, 7])

    assert tracker.commit_offset == 5


def test_a_single_record_head_gap_holds_the_commit_back() -> None:
    """A gap of exactly one record, which Faust ignores, holds the commit back."""
    tracker = OffsetTracker()
    tracker.track([31, 32])

    tracker.mark_done([32])

    assert tracker.commit_offset == 31


def test_all_done_commits_past_the_last() -> None:
    """With every record finished the commit is one past the last delivered."""
    tracker = OffsetTracker()
    tracker.track([5, 9])

    tracker.mark_done([9])
    tracker.mark_done([5])

    assert tracker.commit_offset == 10


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=50).flatmap(
        lambda gaps: st.tuples(st.just(gaps), st.permutations(range(len(gaps))))
    )
)
def test_the_commit_offset_never_passes_an_unfinished_offset(
    case: tuple[list[int], list[int]],
) -> None:
    """For any gaps and any order of finishing, only finished offsets are passed."""
    gaps, order = case
    offsets = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    tracker = OffsetTracker()
    tracker.track(offsets)
    still_open = set(offsets)

    for index in order:
        tracker.mark_done([offsets[index]])
        still_open.discard(offsets[index])

        assert tracker.commit_offset == min(still_open, default=offsets[-1] + 1)
