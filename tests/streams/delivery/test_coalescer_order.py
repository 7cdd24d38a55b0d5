"""Order of a user's items; items without an order do not wait for each other."""

import pytest

from streams.actions.activation import ById
from streams.actions.intents import Intent
from streams.delivery.coalescer import Coalescer
from streams.delivery.merge_policies import (
    keep_latest,
    keep_latest_consent,
    never_merge,
)
from tests.support.queued_items import (
    add,
    event,
    queued_item,
    record_numbers,
    remove,
    subscribed,
    suppression,
    take_all,
    unsubscribed,
)


@pytest.fixture
def lists() -> Coalescer[int]:
    """A queue as the lists lane has it."""
    return Coalescer[int](keep_latest)


@pytest.mark.parametrize(
    ("intents", "kinds"),
    [
        pytest.param(
            [add(external_id="u", title="Dr"), remove(), add()],
            ["add", "add"],
            id="told-out-in",
        ),
        pytest.param(
            [add(external_id="u", title="Dr"), remove()],
            ["add", "remove"],
            id="told-out",
        ),
        pytest.param(
            [add(email="a@b.co"), remove(email="c@d.co"), add(email="a@b.co")],
            ["add", "remove", "add"],
            id="another-person-between",
        ),
    ],
)
def test_what_cannot_be_joined_goes_in_order(
    lists: Coalescer[int], intents: list[Intent], kinds: list[str]
) -> None:
    """Items go one at a time: the next is ready when the one before is released."""
    for at, intent in enumerate(intents):
        lists.add(queued_item(at, intent))

    assert len(lists.ready_batches(now_s=99.0, items_max=1, min_age_s=0.0)) == 1
    assert [kind for kind, _ in take_all(lists)] == kinds


def test_a_user_s_consent_has_one_order_whatever_it_is_about() -> None:
    """A suppression between two subscriptions stays between them."""
    consent = Coalescer[int](keep_latest_consent)
    intents: list[Intent] = [
        subscribed(list_id="L"),
        suppression(),
        subscribed(),
        unsubscribed(),
    ]
    for at, intent in enumerate(intents):
        consent.add(queued_item(at, intent))

    assert [kind for kind, _ in take_all(consent)] == [
        "subscribe",
        "suppress",
        "unsubscribe",
    ]


def test_a_consent_to_a_list_waits_for_a_withdrawal_from_all() -> None:
    """Sent together, either could be the last."""
    consent = Coalescer[int](keep_latest_consent)
    consent.add(queued_item(1, unsubscribed()))
    consent.add(queued_item(2, subscribed(list_id="L")))

    [group] = consent.ready_batches(now_s=99.0, items_max=9, min_age_s=0.0)

    assert record_numbers(consent.take_batch(group)) == [(1,)]


def test_changes_of_two_lists_and_two_events_do_not_wait_for_each_other() -> None:
    """The order of these makes no difference."""
    queue = Coalescer[int](keep_latest)
    intents: list[Intent] = [add("L"), add("M"), event("1"), event("2")]
    for at, intent in enumerate(intents):
        queue.add(queued_item(at, intent))

    groups = queue.ready_batches(now_s=99.0, items_max=9, min_age_s=0.0)

    assert [(group.key.kind, group.key.list_ref) for group in groups] == [
        ("add", ById("L")),
        ("add", ById("M")),
        ("record", None),
    ]
    assert record_numbers(queue.take_batch(groups[2])) == [(2,), (3,)]


def test_an_event_s_repeat_waits_for_the_first() -> None:
    """In one bulk request it would fail all the others."""
    queue = Coalescer[int](never_merge)
    queue.add(queued_item(1, event("1")))
    queue.add(queued_item(2, event("1")))

    assert take_all(queue) == [("record", [(1,)]), ("record", [(2,)])]


def test_what_is_put_back_goes_before_what_waits(lists: Coalescer[int]) -> None:
    """An item that came meanwhile and cannot be merged is still the newer."""
    lists.add(queued_item(1, add(external_id="u", title="Dr")))
    (group,) = lists.ready_batches(now_s=99.0, items_max=9, min_age_s=0.0)
    taken = lists.take_batch(group)
    lists.add(queued_item(2, remove()))

    superseded = lists.requeue(taken, now_s=1.0)

    assert superseded == []
    assert lists.waiting_count == 2
    assert take_all(lists) == [("add", [(1,)]), ("remove", [(2,)])]
