"""Plans of a requeue: a record for each dead letter, or for each source record."""

import pytest

from streams.dead_letters.record import RequeueRoute
from streams.dead_letters.requeue import REPLAY_MODES, plan_requeue
from streams.events.canonical_event import Origin, ReplayMode
from tests.support.dead_letter_records import (
    DEAD_LETTER,
    foreign_record,
    stored_dead_letter,
)

OTHER = Origin(topic="source", partition=0, offset=1)
TRUNCATED = (("ks.truncated-from-bytes", b"9"),)

RECORDS = [
    stored_dead_letter("0/0", stage="activate"),
    stored_dead_letter("0/1", stage="deliver.lists"),
    stored_dead_letter("0/2", stage="activate"),
    stored_dead_letter("0/3", stage="deliver.lists"),
    stored_dead_letter("0/4", stage="intake", origin=OTHER),
    foreign_record("0/5"),
]


def _planned_requeues(
    *, from_source: bool
) -> list[tuple[RequeueRoute, Origin, list[int]]]:
    return [
        (
            one.route,
            one.origin,
            [record.topic_offset.offset for record in one.dead_letters],
        )
        for one in plan_requeue(RECORDS, from_source=from_source).records
    ]


def test_an_event_goes_once_and_each_activation_by_itself() -> None:
    """Two mappings may have refused one event; a lane's records differ."""
    assert _planned_requeues(from_source=False) == [
        (RequeueRoute.EVENT, DEAD_LETTER.origin, [0, 2]),
        (RequeueRoute.ACTIVATION, DEAD_LETTER.origin, [1]),
        (RequeueRoute.ACTIVATION, DEAD_LETTER.origin, [3]),
        (RequeueRoute.EVENT, OTHER, [4]),
    ]


def test_an_event_and_the_record_that_it_is_of_are_requeued_each() -> None:
    """The record has more events, which the value of the first would not bring back."""
    event = stored_dead_letter(
        "0/0", stage="activate", extra_headers=(("ks.canonical", b"1"),)
    )
    record = stored_dead_letter("0/1", stage="intake")

    assert len(plan_requeue([event, record], from_source=False).records) == 2
    assert len(plan_requeue([event, record], from_source=True).records) == 1


def test_from_the_source_each_source_record_goes_once() -> None:
    """Whatever failed of it, and wherever."""
    assert _planned_requeues(from_source=True) == [
        (RequeueRoute.SOURCE, DEAD_LETTER.origin, [0, 1, 2, 3]),
        (RequeueRoute.SOURCE, OTHER, [4]),
    ]


def test_from_the_source_it_is_said_which_lanes_failed() -> None:
    """Consent is asked for again only where its own lane is among them."""
    [one, other] = plan_requeue(RECORDS, from_source=True).records

    assert [{*one.failed_lanes}, {*other.failed_lanes}] == [{"lists"}, set()]


def test_one_that_was_cut_goes_from_the_source_unasked() -> None:
    """The rest of a truncated value cannot be read."""
    [one] = plan_requeue(
        [stored_dead_letter(extra_headers=TRUNCATED)], from_source=False
    ).records

    assert (one.route, one.source_ms) == (RequeueRoute.SOURCE, DEAD_LETTER.source_ms)


@pytest.mark.parametrize("from_source", [False, True])
def test_somebody_else_s_go_nowhere(*, from_source: bool) -> None:
    """Dead letters without an origin go nowhere."""
    assert plan_requeue(RECORDS, from_source=from_source).not_requeueable == (
        foreign_record("0/5"),
    )


def test_what_was_the_last_word_is_told_again() -> None:
    """An event that failed before that is new."""
    assert REPLAY_MODES == {
        RequeueRoute.EVENT: ReplayMode.CHANGES_ONLY,
        RequeueRoute.ACTIVATION: ReplayMode.RESEND,
        RequeueRoute.SOURCE: ReplayMode.RESEND,
    }
