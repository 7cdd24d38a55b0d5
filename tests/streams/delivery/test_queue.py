"""Coalescing and order on a lane."""

import pytest

from streams.actions.activation import Batch
from streams.delivery.joining import last_word, merged
from streams.delivery.queue import Coalescer, Group, Item
from tests.streams.delivery.waiting import (
    add,
    all_of,
    receipts,
    remove,
    upsert,
    waiting,
)


def _item(
    receipt: int, *, user: str = "u", since_s: float = 0.0, removed: bool = False
) -> Item[int]:
    who = {"external_id": user}
    intent = remove("", **who) if removed else add("", **who)
    return waiting(receipt, intent, user=user, since_s=since_s, audience="vip")


ADDS = Group("add", "audience:vip", "any")
REMOVALS = Group("remove", "audience:vip", "any")


@pytest.fixture
def lists() -> Coalescer[int]:
    """A queue as the lists lane has it."""
    return Coalescer[int](last_word)


def test_the_last_word_for_a_profile_and_list_wins(lists: Coalescer[int]) -> None:
    """An add that still waits is superseded by the removal behind it."""
    lists.offer(_item(1))

    superseded = lists.offer(_item(2, removed=True))

    assert receipts(superseded) == [(1,)]
    assert lists.ready(now_s=1.0, items_max=9, age_s=0.5) == [REMOVALS]


def test_the_group_that_waits_longest_comes_first(lists: Coalescer[int]) -> None:
    """Whichever was there first: one list's backlog holds up no other."""
    lists.offer(_item(1, user="a", since_s=5.0))
    lists.offer(_item(2, user="b", since_s=4.0, removed=True))

    assert lists.ready(now_s=9.0, items_max=9, age_s=0.5) == [REMOVALS, ADDS]


def test_a_group_is_full_when_a_batch_can_hold_no_more(
    lists: Coalescer[int],
) -> None:
    """By the lane's bound; a mapping's may be lower."""
    lists.offer(_item(1, user="a"))
    lists.offer(_item(2, user="b"))

    full = [lists.is_full(ADDS, items_max=most) for most in (1, 2, 3)]

    assert full == [True, True, False]


def test_what_is_under_way_is_not_superseded(lists: Coalescer[int]) -> None:
    """A removal behind an add that is being sent waits for its end."""
    lists.offer(_item(1))
    taken = lists.take(ADDS, items_max=9)

    superseded = lists.offer(_item(2, removed=True))

    assert superseded == []
    assert lists.ready(now_s=9.0, items_max=1, age_s=0.0) == []
    lists.settle(taken)
    assert lists.ready(now_s=9.0, items_max=1, age_s=0.0) == [REMOVALS]


def test_a_put_back_item_yields_to_a_newer_one(lists: Coalescer[int]) -> None:
    """What could not be sent is pointless when its opposite came meanwhile."""
    lists.offer(_item(1))
    taken = lists.take(ADDS, items_max=9)
    lists.offer(_item(2, removed=True))

    superseded = lists.put_back(taken, now_s=1.0)

    assert receipts(superseded) == [(1,)]
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

    assert receipts(taken) == [(0,), (1,), (2,)]
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

    dropped = lists.drop(lambda item: item.receipts[0] >= 2)

    assert sorted(receipts(dropped)) == [(2,), (3,)]
    assert len(lists) == 0


def test_a_dropped_item_leaves_what_waits_with_it(lists: Coalescer[int]) -> None:
    """The next in line takes its place, in a group of its own."""
    lists.offer(waiting(1, add(external_id="u", title="Dr")))
    lists.offer(waiting(2, remove()))

    dropped = lists.drop(lambda item: 1 in item.receipts)

    assert receipts(dropped) == [(1,)]
    assert all_of(lists) == [("remove", [(2,)])]


def test_waiting_upserts_of_a_profile_become_one() -> None:
    """The newer value wins, both records are answered for by one request."""
    profiles = Coalescer[int](merged)
    profiles.offer(waiting(1, upsert(title="Dr")))

    superseded = profiles.offer(waiting(2, upsert(title="Prof")))

    assert superseded == []
    assert len(profiles) == 1
    assert all_of(profiles) == [("upsert", [(1, 2)])]


@pytest.mark.parametrize(
    ("told", "lane_items_max", "sizes"),
    [
        pytest.param(1, 9, [1, 1, 1, 1, 1], id="one-by-one"),
        pytest.param(2, 9, [2, 2, 1], id="fewer-than-the-lane"),
        pytest.param(9, 2, [2, 2, 1], id="never-more-than-the-lane"),
        pytest.param(0, 3, [3, 2], id="the-lane-s-own"),
    ],
)
def test_a_mapping_may_say_how_large_a_batch_is(
    lists: Coalescer[int], told: int, lane_items_max: int, sizes: list[int]
) -> None:
    """It is ready as soon as that many wait."""
    for at in range(5):
        who = {"external_id": f"u{at}"}
        item = waiting(at, add(**who), user=f"u{at}", batch=Batch(items_max=told))
        lists.offer(item)

    (group,) = lists.ready(now_s=0.0, items_max=lane_items_max, age_s=1.0)
    batches = []
    while lists.ready(now_s=99.0, items_max=lane_items_max, age_s=0.0):
        batches.append(len(lists.take(group, items_max=lane_items_max)))

    assert batches == sizes


def test_items_with_another_batch_key_go_apart(lists: Coalescer[int]) -> None:
    """A mapping may say which fields must be the same in one request."""
    for at, key in enumerate(["a", "b", "a"]):
        who = {"external_id": f"u{at}"}
        item = waiting(at, add(**who), user=f"u{at}", batch=Batch(key=key))
        lists.offer(item)

    assert all_of(lists) == [("add", [(0,), (2,)]), ("add", [(1,)])]


def test_what_is_joined_keeps_its_elder_s_place() -> None:
    """In the batch, and in how long it has waited."""
    profiles = Coalescer[int](merged)
    profiles.offer(waiting(1, upsert(), user="u", since_s=1.0))
    profiles.offer(waiting(2, upsert(), user="other", since_s=5.0))
    profiles.offer(waiting(3, upsert(), user="u", since_s=9.0))

    (group,) = profiles.ready(now_s=9.0, items_max=9, age_s=8.0)

    assert receipts(profiles.take(group, items_max=9)) == [(1, 3), (2,)]


def test_a_newer_word_of_another_kind_changes_the_group(lists: Coalescer[int]) -> None:
    """Nothing of it stays behind in the old one."""
    lists.offer(_item(1))
    lists.offer(_item(2, user="other"))
    lists.offer(_item(3, removed=True))

    assert all_of(lists) == [("add", [(2,)]), ("remove", [(3,)])]
