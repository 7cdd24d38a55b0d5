"""Tests of manifests: which segments a state consists of, step by step."""

import msgspec
import pytest

from streams.warehouse.columns import HASH_VERSION
from streams.warehouse.manifest import (
    MAX_EXCESS_ROWS,
    MAX_SEGMENTS,
    Manifest,
    Segment,
)
from streams.warehouse.sync_state import Phase, SyncState

SENDING = SyncState(phase=Phase.SENDING, generation=4, next_cursor="9")


def segment(number: int, *, rows: int = 10) -> Segment:
    """Return a segment of one chunk."""
    return Segment(
        number=number, start=number, end=number + 1, chunks=1, rows=rows, checksum="c"
    )


def test_a_run_is_pending_until_it_has_ended() -> None:
    """The segment counts at once, the state only at the end."""
    first = Manifest(id="a", segments=(segment(0),), next_number=1)

    begun = first.begun(segment(1), manifest_id="b")
    ended = begun.ended(SENDING, manifest_id="c", ended_ms=7)

    assert (begun.pending, begun.segments) == (segment(1), (segment(0),))
    assert (begun.next_number, begun.rows_end, begun.state) == (2, 2, first.state)
    assert (ended.pending, ended.segments) == (None, (segment(0), segment(1)))
    assert (ended.state.generation, ended.state.phase) == (5, Phase.IDLE)
    assert (ended.state.cursor, ended.ended_ms) == ("9", 7)


def test_a_run_that_another_machine_has_left_stays_uncertain() -> None:
    """A later restore must know too that the rows were sent or not."""
    left = Manifest().begun(segment(0), manifest_id="a")

    taken_over = left.begun(segment(1), manifest_id="b")
    again = taken_over.begun(segment(2), manifest_id="c")

    assert [one.is_uncertain for one in again.all_segments] == [True, True, False]
    assert [one.recoveries for one in (left, taken_over, again)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("segments", "hash_version", "is_due"),
    [
        pytest.param((segment(0),), HASH_VERSION, False, id="small"),
        pytest.param(
            tuple(map(segment, range(MAX_SEGMENTS + 1))),
            HASH_VERSION,
            True,
            id="many-segments",
        ),
        pytest.param(
            (segment(0, rows=MAX_EXCESS_ROWS + 201),),
            HASH_VERSION,
            True,
            id="rows-of-old-runs",
        ),
        pytest.param((segment(0),), HASH_VERSION - 1, True, id="old-hashes"),
    ],
)
def test_rows_are_written_anew_when_it_is_worth_it(
    *, segments: tuple[Segment, ...], hash_version: int, is_due: bool
) -> None:
    """The state has a hundred rows."""
    state = SyncState(hash_version=hash_version)
    manifest = Manifest(state=state, segments=segments)

    assert manifest.is_due_for_rewrite(SyncState(), rows=100) is is_due


def test_old_hashes_keep_their_version_until_the_rewrite() -> None:
    """The segments of before hold them; a restore must not compare with them."""
    old = SyncState(hash_version=HASH_VERSION - 1, has_rows=True)
    manifest = Manifest(state=old, segments=(segment(0),), next_number=1)

    ended = manifest.begun(segment(1), manifest_id="b").ended(
        msgspec.structs.replace(old, phase=Phase.SENDING), manifest_id="c", ended_ms=0
    )
    rewritten = ended.rewritten(SyncState(), segment(2), manifest_id="d")

    assert ended.state.hash_version == HASH_VERSION - 1
    assert rewritten.state.hash_version == HASH_VERSION
    assert rewritten.dropped_since(ended) == [segment(0), segment(1)]
