"""How far a partition may be committed."""

from hypothesis import given
from hypothesis import strategies as st

from agents.engine.ledger import OffsetTracker


def test_nothing_delivered_has_no_position() -> None:
    """A partition without records is never committed."""
    ledger = OffsetTracker()

    assert ledger.commit_offset is None


def test_the_first_unfinished_offset_is_the_position() -> None:
    """Finishing out of order moves nothing past the record still open."""
    ledger = OffsetTracker()
    ledger.track([5, 6, 7])

    ledger.mark_done([6, 7])

    assert ledger.commit_offset == 5


def test_a_single_record_head_gap_holds_the_commit_back() -> None:
    """Faust ignores a head gap of exactly one (trap L3)."""
    ledger = OffsetTracker()
    ledger.track([31, 32])

    ledger.mark_done([32])

    assert ledger.commit_offset == 31


def test_all_done_commits_past_the_last() -> None:
    """With nothing open the position is one past the last delivered."""
    ledger = OffsetTracker()
    ledger.track([5, 9])

    ledger.mark_done([9])
    ledger.mark_done([5])

    assert ledger.commit_offset == 10


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=50).flatmap(
        lambda gaps: st.tuples(st.just(gaps), st.permutations(range(len(gaps))))
    )
)
def test_the_position_never_passes_an_open_offset(
    case: tuple[list[int], list[int]],
) -> None:
    """Whatever the gaps and the order of finishing, only the finished is passed."""
    gaps, order = case
    offsets = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    ledger = OffsetTracker()
    ledger.track(offsets)
    still_open = set(offsets)

    for index in order:
        ledger.mark_done([offsets[index]])
        still_open.discard(offsets[index])

        assert ledger.commit_offset == min(still_open, default=offsets[-1] + 1)
