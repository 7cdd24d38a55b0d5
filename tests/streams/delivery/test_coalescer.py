"""Coalescing and order on a lane."""

import pytest

from streams.actions.activation import BatchOverride, ByAudience, ById, ListRef
from streams.delivery.coalescer import (
    BatchKey,
    Coalescer,
    OrderingKey,
    QueuedItem,
    ReadyBatch,
)
from streams.delivery.merge_policies import keep_latest, merge_profiles
from tests.support.queued_items import (
    add,
    queued_item,
    record_numbers,
    remove,
    take_all,
    upsert,
)


def _item(
    receipt: int, *, user: str = "u", since_s: float = 0.0, removed: bool = False
) -> QueuedItem[int]:
    who = {"external_id": user}
    intent = remove("", **who) if removed else add("", **who)
    return queued_item(receipt, intent, user=user, queued_s=since_s, audience="vip")


ADDS = BatchKey("add", ByAudience("vip"), "any")
REMOVALS = BatchKey("remove", ByAudience("vip"), "any")


@pytest.fixture
def lists() -> Coalescer[int]:
    """A queue as the lists lane has it."""
    return Coalescer[int](keep_latest)


def test_the_last_word_for_a_profile_and_list_wins(lists: Coalescer[int]) -> None:
    """An add that still waits is superseded by the removal behind it."""
    lists.add(_item(1))

    superseded = lists.add(_item(2, removed=True))

    assert record_numbers(superseded) == [(1,)]
    assert lists.ready_batches(now_s=1.0, items_max=9, min_age_s=0.5) == [
        ReadyBatch(REMOVALS, 9)
    ]


@pytest.mark.parametrize(
    ("list_id", "audience", "list_ref"),
    [
        pytest.param("L", "", ById("L"), id="list-id"),
        pytest.param("", "fans", ByAudience("fans"), id="audience"),
        pytest.param("L", "fans", ById("L"), id="the-list-id-wins"),
        pytest.param("", "", None, id="no-list"),
    ],
)
def test_an_item_names_the_list_or_its_audience(
    list_id: str, audience: str, list_ref: ListRef | None
) -> None:
    """An explicit list id wins over the audience, in both keys."""
    item = queued_item(1, add(list_id, external_id="u"), audience=audience)

    assert item.batch_key.list_ref == list_ref
    assert item.ordering_key == OrderingKey("u", list_ref)


def test_users_of_one_profile_share_the_ordering_key() -> None:
    """A removal by the one must not overtake an add by the other."""
    items = [
        queued_item(
            1, add("", external_id=user), user=user, audience="fans", edge="edge:1"
        )
        for user in ("ada", "bob")
    ]

    keys = {item.ordering_key for item in items}
    assert keys == {OrderingKey("edge:1", ByAudience("fans"))}


def test_the_group_that_waits_longest_comes_first(lists: Coalescer[int]) -> None:
    """Whichever was there first: one list's backlog holds up no other."""
    lists.add(_item(1, user="a", since_s=5.0))
    lists.add(_item(2, user="b", since_s=4.0, removed=True))

    assert lists.ready_batches(now_s=9.0, items_max=9, min_age_s=0.5) == [
        ReadyBatch(REMOVALS, 9),
        ReadyBatch(ADDS, 9),
    ]


def test_a_group_is_full_when_a_batch_can_hold_no_more(
    lists: Coalescer[int],
) -> None:
    """By the lane's bound; a mapping's may be lower."""
    lists.add(_item(1, user="a"))
    lists.add(_item(2, user="b"))

    full = [
        batch.is_full
        for most in (1, 2, 3)
        for batch in lists.ready_batches(now_s=0.0, items_max=most, min_age_s=0.0)
    ]

    assert full == [True, True, False]


def test_what_is_under_way_is_not_superseded(lists: Coalescer[int]) -> None:
    """A removal behind an add that is being sent waits for its end."""
    lists.add(_item(1))
    taken = lists.take_batch(ReadyBatch(ADDS, 9))

    superseded = lists.add(_item(2, removed=True))

    assert superseded == []
    assert lists.ready_batches(now_s=9.0, items_max=1, min_age_s=0.0) == []
    lists.release(taken)
    assert lists.ready_batches(now_s=9.0, items_max=1, min_age_s=0.0) == [
        ReadyBatch(REMOVALS, 1, is_full=True)
    ]


def test_a_put_back_item_yields_to_a_newer_one(lists: Coalescer[int]) -> None:
    """An item that was not sent is pointless when its opposite came meanwhile."""
    lists.add(_item(1))
    taken = lists.take_batch(ReadyBatch(ADDS, 9))
    lists.add(_item(2, removed=True))

    superseded = lists.requeue(taken, now_s=1.0)

    assert record_numbers(superseded) == [(1,)]
    assert lists.ready_batches(now_s=9.0, items_max=1, min_age_s=0.0) == [
        ReadyBatch(REMOVALS, 1, is_full=True)
    ]


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
        lists.add(_item(number, user=f"u{number}"))

    groups = lists.ready_batches(now_s=now_s, items_max=3, min_age_s=0.5)

    assert bool(groups) is ready


def test_take_is_bounded_and_oldest_first(lists: Coalescer[int]) -> None:
    """A batch takes no more than it may, in order of arrival."""
    for number in range(5):
        lists.add(_item(number, user=f"u{number}"))

    taken = lists.take_batch(ReadyBatch(ADDS, 3))

    assert record_numbers(taken) == [(0,), (1,), (2,)]
    assert (lists.waiting_count, lists.in_flight_count) == (2, 3)


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
        lists.add(_item(number, user=f"u{number}"))

    batch = lists.take_batch(ReadyBatch(ADDS, 10), page_items=3)

    assert len(batch) == taken


def test_lost_receipts_are_dropped_wherever_they_wait(lists: Coalescer[int]) -> None:
    """Items that another worker will deliver are forgotten, blocked items too."""
    lists.add(_item(1))
    lists.take_batch(ReadyBatch(ADDS, 1))
    lists.add(_item(2))
    lists.add(_item(3, user="other"))

    dropped = lists.drop(lambda item: item.records[0] >= 2)

    assert sorted(record_numbers(dropped)) == [(2,), (3,)]
    assert lists.waiting_count == 0


def test_a_dropped_item_leaves_what_waits_with_it(lists: Coalescer[int]) -> None:
    """The next in line takes its place, in a group of its own."""
    lists.add(queued_item(1, add(external_id="u", title="Dr")))
    lists.add(queued_item(2, remove()))

    dropped = lists.drop(lambda item: 1 in item.records)

    assert record_numbers(dropped) == [(1,)]
    assert take_all(lists) == [("remove", [(2,)])]


def test_waiting_upserts_of_a_profile_become_one() -> None:
    """The newer value wins, both records are answered for by one request."""
    profiles = Coalescer[int](merge_profiles)
    profiles.add(queued_item(1, upsert(title="Dr")))

    superseded = profiles.add(queued_item(2, upsert(title="Prof")))

    assert superseded == []
    assert profiles.waiting_count == 1
    assert take_all(profiles) == [("upsert", [(1, 2)])]


@pytest.mark.parametrize(
    ("batch_items_max", "lane_items_max", "sizes"),
    [
        pytest.param(1, 9, [1, 1, 1, 1, 1], id="one-by-one"),
        pytest.param(2, 9, [2, 2, 1], id="fewer-than-the-lane"),
        pytest.param(9, 2, [2, 2, 1], id="never-more-than-the-lane"),
        pytest.param(0, 3, [3, 2], id="the-lane-s-own"),
    ],
)
def test_a_mapping_may_say_how_large_a_batch_is(
    lists: Coalescer[int], batch_items_max: int, lane_items_max: int, sizes: list[int]
) -> None:
    """The batch is ready as soon as that many items wait."""
    for at in range(5):
        who = {"external_id": f"u{at}"}
        item = queued_item(
            at,
            add(**who),
            user=f"u{at}",
            batch=BatchOverride(items_max=batch_items_max),
        )
        lists.add(item)

    (group,) = lists.ready_batches(now_s=0.0, items_max=lane_items_max, min_age_s=1.0)
    batches = []
    while lists.ready_batches(now_s=99.0, items_max=lane_items_max, min_age_s=0.0):
        batches.append(len(lists.take_batch(group)))

    assert batches == sizes


def test_items_with_another_batch_key_go_apart(lists: Coalescer[int]) -> None:
    """A mapping may say which fields must be the same in one request."""
    for at, key in enumerate(["a", "b", "a"]):
        who = {"external_id": f"u{at}"}
        item = queued_item(at, add(**who), user=f"u{at}", batch=BatchOverride(key=key))
        lists.add(item)

    assert take_all(lists) == [("add", [(0,), (2,)]), ("add", [(1,)])]


def test_what_is_joined_keeps_its_elder_s_place() -> None:
    """In the batch, and in how long it has waited."""
    profiles = Coalescer[int](merge_profiles)
    profiles.add(queued_item(1, upsert(), user="u", queued_s=1.0))
    profiles.add(queued_item(2, upsert(), user="other", queued_s=5.0))
    profiles.add(queued_item(3, upsert(), user="u", queued_s=9.0))

    (group,) = profiles.ready_batches(now_s=9.0, items_max=9, min_age_s=8.0)

    assert record_numbers(profiles.take_batch(group)) == [(1, 3), (2,)]


def test_a_newer_word_of_another_kind_changes_the_group(lists: Coalescer[int]) -> None:
    """No item stays behind below the old batch key."""
    lists.add(_item(1))
    lists.add(_item(2, user="other"))
    lists.add(_item(3, removed=True))

    assert take_all(lists) == [("add", [(2,)]), ("remove", [(3,)])]
