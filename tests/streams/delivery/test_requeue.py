"""One record for each dead letter, or for all of one source record."""

import pytest

from streams.delivery.letters import Way
from streams.delivery.requeue import MODE, plan
from streams.events.model import ReplayMode
from streams.events.origin import Origin
from tests.streams.delivery.letters import LETTER, foreign, kept

OTHER = Origin(topic="source", partition=0, offset=1)
CUT = (("ks.truncated-from-bytes", b"9"),)

LETTERS = [
    kept("0/0", stage="activate"),
    kept("0/1", stage="deliver.lists"),
    kept("0/2", stage="activate"),
    kept("0/3", stage="deliver.lists"),
    kept("0/4", stage="intake", origin=OTHER),
    foreign("0/5"),
]


def _planned(*, from_source: bool) -> list[tuple[Way, Origin, list[int]]]:
    return [
        (one.way, one.origin, [letter.place.offset for letter in one.letters])
        for one in plan(LETTERS, from_source=from_source).sendings
    ]


def test_an_event_goes_once_and_each_activation_by_itself() -> None:
    """Two mappings may have refused one event; a lane's records differ."""
    assert _planned(from_source=False) == [
        (Way.EVENT, LETTER.origin, [0, 2]),
        (Way.ACTIVATION, LETTER.origin, [1]),
        (Way.ACTIVATION, LETTER.origin, [3]),
        (Way.EVENT, OTHER, [4]),
    ]


def test_from_the_source_each_source_record_goes_once() -> None:
    """Whatever failed of it, and wherever."""
    assert _planned(from_source=True) == [
        (Way.SOURCE, LETTER.origin, [0, 1, 2, 3]),
        (Way.SOURCE, OTHER, [4]),
    ]


def test_from_the_source_it_is_said_which_lanes_failed() -> None:
    """Consent is asked for again only where its own lane is among them."""
    [one, other] = plan(LETTERS, from_source=True).sendings

    assert [{*one.failed_lanes}, {*other.failed_lanes}] == [{"lists"}, set()]


def test_one_that_was_cut_goes_from_the_source_unasked() -> None:
    """What is left of it is nothing anybody can read."""
    [one] = plan([kept(more=CUT)], from_source=False).sendings

    assert (one.way, one.source_ms) == (Way.SOURCE, LETTER.source_ms)


@pytest.mark.parametrize("from_source", [False, True])
def test_somebody_else_s_go_nowhere(*, from_source: bool) -> None:
    """Nobody knows where they came from."""
    assert plan(LETTERS, from_source=from_source).lost == (foreign("0/5"),)


def test_what_was_the_last_word_is_told_again() -> None:
    """An event that failed before that is new."""
    assert MODE == {
        Way.EVENT: ReplayMode.CORRECT,
        Way.ACTIVATION: ReplayMode.AGAIN,
        Way.SOURCE: ReplayMode.AGAIN,
    }
