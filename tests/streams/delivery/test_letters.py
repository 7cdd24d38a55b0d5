"""Which dead letters are meant, how many there are, and how each gets back."""

import msgspec
import pytest

from streams.actions.activation import Activation
from streams.actions.intents import ListAdd
from streams.delivery.deadletter import headers
from streams.delivery.letters import (
    Filters,
    LetterGroup,
    Place,
    StoredLetter,
    Way,
    grouped,
    stored,
)
from tests.streams.delivery.letters import AT_MS, LETTER, foreign, kept

ACTIVATION = msgspec.json.encode(
    Activation(
        action="addProfileToList",
        user="u-1",
        intent=ListAdd(list_id="L1", profile={"external_id": "u-1"}),
        time_ms=1_000,
        origin=LETTER.origin,
    )
)


def test_it_is_read_as_it_was_written() -> None:
    """Headers and body hold all of it."""
    letter = msgspec.structs.replace(LETTER, replay="r-1", stage="deliver.lists")

    found = kept(replay="r-1", stage="deliver.lists")

    assert found.letter == letter
    assert (found.stage, found.code) == ("deliver.lists", "not-json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("stage", None, id="no-stage"),
        pytest.param("stage", b"VALUE_CONVERTER", id="a-stage-of-kafka-connect"),
        pytest.param("stage", b"deliver.faxes", id="a-lane-there-is-not"),
        pytest.param("exception.class.name", b"", id="no-reason"),
        pytest.param("topic", b"", id="no-topic"),
        pytest.param("partition", b"-1", id="no-partition"),
        pytest.param("offset", b"\xff", id="broken-offset"),
    ],
)
def test_what_somebody_else_wrote_is_unreadable(name: str, value: bytes | None) -> None:
    """It is told, and stops nothing."""
    of_ours = dict(headers(LETTER, connector="app"))
    theirs = of_ours | {"__connect.errors." + name: value}

    found = stored(
        Place(0, 0), at_ms=0, headers=theirs.items(), key=None, value=b"secret"
    )

    assert (found.stage, found.code, found.way) == ("", "unreadable", Way.NONE)
    assert found.value == b"secret"


@pytest.mark.parametrize(
    ("one", "way"),
    [
        pytest.param(kept(stage="intake"), Way.EVENT, id="intake"),
        pytest.param(kept(stage="activate"), Way.EVENT, id="activate"),
        pytest.param(kept(stage="deliver.lists"), Way.ACTIVATION, id="a-lane"),
        pytest.param(
            kept(stage="activate", value=ACTIVATION),
            Way.ACTIVATION,
            id="one-that-had-come-back-to-activate",
        ),
        pytest.param(
            kept(more=(("ks.truncated-from-bytes", b"9"),)), Way.SOURCE, id="cut"
        ),
        pytest.param(foreign(), Way.NONE, id="somebody-else-s"),
    ],
)
def test_each_has_its_way_back(one: StoredLetter, way: Way) -> None:
    """By where it failed, and what is left of it."""
    assert one.way is way


def test_who_only_looks_holds_no_values() -> None:
    """A whole topic of them must fit in memory."""
    bare = kept(value=b"x" * 1_000).without_value()

    assert b"xxx" not in msgspec.json.encode(bare)
    assert (bare.place, bare.code) == (Place(0, 0), "not-json")


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        pytest.param(Filters(), True, id="none-given"),
        pytest.param(Filters(reason="list-gone"), True, id="reason"),
        pytest.param(Filters(reason="list"), False, id="a-part-of-the-reason"),
        pytest.param(Filters(stage="deliver.lists"), True, id="stage"),
        pytest.param(Filters(stage="deliver"), True, id="every-lane"),
        pytest.param(Filters(stage="deliver.events"), False, id="another-lane"),
        pytest.param(Filters(since_ms=AT_MS), True, id="since-then"),
        pytest.param(Filters(since_ms=AT_MS + 1), False, id="since-later"),
        pytest.param(Filters(until_ms=AT_MS), False, id="until-then"),
        pytest.param(Filters(until_ms=AT_MS + 1), True, id="until-later"),
        pytest.param(
            Filters(places=frozenset({Place(1, 7), Place(0, 0)})), True, id="a-place"
        ),
        pytest.param(
            Filters(places=frozenset({Place(7, 1)})), False, id="another-place"
        ),
        pytest.param(
            Filters(reason="list-gone", stage="intake"), False, id="one-of-two"
        ),
    ],
)
def test_filters_narrow_one_another(filters: Filters, *, taken: bool) -> None:
    """A dead letter meets all that are given."""
    one = kept("1/7", stage="deliver.lists", code="list-gone")

    assert filters.take(one) is taken


def test_no_filter_is_none() -> None:
    """A time of 0 is one."""
    assert Filters().are_none
    assert not Filters(since_ms=0).are_none


def test_they_are_counted_by_stage_and_reason() -> None:
    """With the first time, the last time, and where the last one lies."""
    found = grouped(
        [
            kept("0/1", at_ms=5, stage="deliver.lists"),
            kept("0/0", at_ms=3, stage="intake"),
            kept("2/0", at_ms=9, stage="intake"),
            kept("1/0", at_ms=4, stage="intake"),
            foreign("3/3"),
        ]
    )

    assert found == [
        LetterGroup("", "unreadable", 1, AT_MS, AT_MS, Place(3, 3)),
        LetterGroup("deliver.lists", "not-json", 1, 5, 5, Place(0, 1)),
        LetterGroup("intake", "not-json", 3, 3, 9, Place(2, 0)),
    ]


@pytest.mark.parametrize("text", ["", "3", "3/", "/3", "-1/3", "3/x", "1/2/3"])
def test_a_place_that_is_none_is_told_in_words(text: str) -> None:
    """With one that is."""
    with pytest.raises(ValueError, match="PARTITION/OFFSET, like 3/17"):
        Place.parse(text)
