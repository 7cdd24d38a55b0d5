"""Coalescing and order on a lane."""

import pytest

from streams.actions.activation import Action, Activation
from streams.delivery.queue import Coalescer, Group, Item, last_word, merged
from streams.events.origin import Origin

ADD, REMOVE = Action.ADD_PROFILE_TO_LIST, Action.REMOVE_PROFILE_FROM_LIST


def _item(
    receipt: int, *, user: str = "u", action: Action = ADD, since_s: float = 0.0
) -> Item[int]:
    activation = Activation(
        action=action,
        user=user,
        profile={"external_id": user, "n": receipt},
        time_ms=receipt,
        origin=Origin(topic="t", partition=0, offset=receipt),
        audience="vip",
    )
    return Item(activation=activation, receipts=(receipt,), since_s=since_s)


ADDS = Group(ADD, "audience:vip")
REMOVALS = Group(REMOVE, "audience:vip")


@pytest.fixture
def lists() -> Coalescer[int]:
    """A queue as the lists lane has it."""
    return Coalescer[int](last_word, ranked=True)


def test_the_last_word_for_a_profile_and_list_wins(lists: Coalescer[int]) -> None:
    """An add that still waits is superseded by the removal behind it."""
    lists.offer(_item(1))

    superseded = lists.offer(_item(2, action=REMOVE))

    assert [item.receipts for item in superseded] == [(1,)]
    assert lists.ready(now_s=1.0, items_max=9, age_s=0.5) == [REMOVALS]


def test_an_edge_told_again_behind_a_newer_one_is_pointless(
    lists: Coalescer[int],
) -> None:
    """What a killed worker's successor repeats does not undo what came after it."""
    lists.offer(_item(2, action=REMOVE))
    lists.settle(lists.take(REMOVALS, items_max=9))

    superseded = lists.offer(_item(1))

    assert [item.receipts for item in superseded] == [(1,)]
    assert len(lists) == 0


def test_what_is_under_way_is_not_superseded(lists: Coalescer[int]) -> None:
    """A removal behind an add that is being sent waits for its end."""
    lists.offer(_item(1))
    taken = lists.take(ADDS, items_max=9)

    superseded = lists.offer(_item(2, action=REMOVE))

    assert superseded == []
    assert lists.ready(now_s=9.0, items_max=1, age_s=0.0) == []
    lists.settle(taken)
    assert lists.ready(now_s=9.0, items_max=1, age_s=0.0) == [REMOVALS]


def test_a_put_back_item_yields_to_a_newer_one(lists: Coalescer[int]) -> None:
    """What could not be sent is pointless when its opposite came meanwhile."""
    lists.offer(_item(1))
    taken = lists.take(ADDS, items_max=9)
    lists.offer(_item(2, action=REMOVE))

    superseded = lists.put_back(taken)

    assert [item.receipts for item in superseded] == [(1,)]
    assert lists.ready(now_s=9.0, items_max=1, age_s=0.0) == [REMOVALS]


@pytest.mark.parametrize(
    ("count", "now_s", "ready"),
    [
        pytest.param(1, 0.1, False, id="young-and-alone-waits"),
        pytest.param(1, 0.5, True, id="old-enough-goes"),
        pytest.param(3, 0.0, True, id="full-goes-at-once"),
    ],
)
def test_a_batch_goes_by_count_or_age(
    *, count: int, now_s: float, ready: bool, lists: Coalescer[int]
) -> None:
    """A batch leaves when it is full or its oldest item is old enough."""
    for number in range(count):
        lists.offer(_item(number, user=f"u{number}"))

    groups = lists.ready(now_s=now_s, items_max=3, age_s=0.5)

    assert bool(groups) is ready


def test_take_is_bounded_and_oldest_first(lists: Coalescer[int]) -> None:
    """A batch takes no more than it may, in order of arrival."""
    for number in range(5):
        lists.offer(_item(number, user=f"u{number}"))

    taken = lists.take(ADDS, items_max=3)

    assert [item.receipts for item in taken] == [(0,), (1,), (2,)]
    assert (len(lists), lists.busy_count) == (2, 3)


@pytest.mark.parametrize(
    ("waiting", "taken"),
    [
        pytest.param(7, 6, id="whole-pages-only"),
        pytest.param(6, 6, id="pages-that-are-full"),
        pytest.param(2, 2, id="less-than-a-page"),
        pytest.param(20, 9, id="no-more-than-the-limit"),
    ],
)
def test_a_batch_is_cut_at_a_page(
    *, waiting: int, taken: int, lists: Coalescer[int]
) -> None:
    """A page of a look-up that is not full costs a request all the same."""
    for number in range(waiting):
        lists.offer(_item(number, user=f"u{number}"))

    batch = lists.take(ADDS, items_max=10, page_items=3)

    assert len(batch) == taken


def test_lost_receipts_are_dropped_wherever_they_wait(lists: Coalescer[int]) -> None:
    """What another worker will deliver is forgotten, blocked items too."""
    lists.offer(_item(1))
    lists.take(ADDS, items_max=1)
    lists.offer(_item(2))
    lists.offer(_item(3, user="other"))

    dropped = lists.drop(lambda receipt: receipt >= 2)

    assert sorted(item.receipts for item in dropped) == [(2,), (3,)]
    assert len(lists) == 0


def test_waiting_upserts_of_a_profile_become_one() -> None:
    """The newer value wins, both records are answered for by one request."""
    profiles = Coalescer[int](merged, ranked=False)
    profiles.offer(_item(1))

    superseded = profiles.offer(_item(2))

    (taken,) = profiles.take(ADDS._replace(target=""), items_max=9)
    assert superseded == []
    assert taken.receipts == (1, 2)
    assert taken.activation.profile["n"] == 2
