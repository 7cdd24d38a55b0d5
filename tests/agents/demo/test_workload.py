"""The demo's events are what they claim to be."""

from collections import Counter
from dataclasses import replace

import pytest

from agents.demo.workload.generator import (
    SampleEvent,
    WorkloadShape,
    compute_expected,
    generate,
)
from agents.demo.workload.summary import WorkloadSummary, summarize
from agents.demo.workload.users import (
    customer_profiles,
    formatted_phone_of,
    is_customer,
    phone_of,
)
from tests.agents.demo.sample_workloads import (
    AUDIENCES,
    DAY,
    SEEDS,
    decode_events,
    memberships_in,
)

SHAPE = WorkloadShape(events=2_000, users=100, audiences=AUDIENCES)


@pytest.mark.parametrize("seed", SEEDS)
def test_repeats_and_late_events_have_about_the_share_asked_for(seed: int) -> None:
    """A fifth is told twice, and nearly a tenth after what happened later."""
    made = summarize(generate(SHAPE, seed=seed))

    assert made.published == SHAPE.events + made.duplicates
    assert 0.16 < made.duplicates / SHAPE.events < 0.24
    assert 0.07 < made.late / SHAPE.events < 0.13
    assert 0.07 < made.upserts / SHAPE.events < 0.13
    assert made.users == SHAPE.users
    assert (made.orders, made.consents) == (0, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_has_orders_consents_and_updates_repeated_and_late(seed: int) -> None:
    """Of each kind some are told twice and some after what happened later."""
    published = generate(DAY, seed=seed)
    made = summarize(published)
    expected = Counter(one.body for one in published)
    first_events = {one.body: one for one in reversed(published)}.values()
    repeated = [one for one in published if expected[one.body] > 1]
    late = [one for one in first_events if one.publish_order % 1]

    assert made.orders > 100
    assert made.consents > 80
    assert made.upserts > 150
    for kind in ("orders", "consents", "upserts", "transitions"):
        assert getattr(summarize(repeated), kind) > 5
        assert getattr(summarize(late), kind) > 5


def test_a_mix_counts_a_late_event_once_and_not_its_repeat() -> None:
    """Late is judged where an event is first told."""
    early = SampleEvent(user="a", time_ms=1, body=b"early", audience="vip")
    later = SampleEvent(user="b", time_ms=2, body=b"later", attributes={"a": 1})

    made = summarize([later, early, early, later])

    assert made == WorkloadSummary(
        published=4,
        duplicates=2,
        late=1,
        users=2,
        transitions=1,
        upserts=1,
        consents=0,
        orders=0,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_is_a_day_that_can_be_had_again(seed: int) -> None:
    """The same seed publishes the same, another one something else."""
    assert generate(DAY, seed=seed) == generate(DAY, seed=seed)
    assert generate(DAY, seed=seed) != generate(DAY, seed=seed + 1)


def test_both_ways_to_tell_of_an_audience_are_used() -> None:
    """Track calls and identify calls, each in and out, for every audience."""
    expected = {
        (body["type"], audience, entered)
        for body in decode_events(generate(SHAPE, seed=1))
        for audience, entered in memberships_in(body).items()
    }

    assert expected == {
        (kind, audience, entered)
        for kind in ("track", "identify")
        for audience in AUDIENCES
        for entered in (True, False)
    }


def test_in_the_demos_own_shape_people_do_everything() -> None:
    """Lists of hundreds, through more changes; every metric and channel in use."""
    shape = replace(DAY, events=4_000, users=400)

    expected = compute_expected(generate(shape, seed=1), AUDIENCES)

    assert all(len(members) > 120 for members in expected.members.values())
    assert expected.transitions > 2 * sum(
        len(members) for members in expected.members.values()
    )
    assert len(expected.upserted) > 150
    assert {metric for _, metric, _ in expected.events} == {
        "Product Viewed",
        "Product Added",
        "Checkout Started",
        "Order Completed",
        "Ordered Product",
        "User Subscribed",
        "User Unsubscribed",
    }
    said = Counter(
        (channel, status) for (_, channel), status in expected.consents.items()
    )
    assert {channel for channel, _ in said} == {
        "email/marketing",
        "sms/marketing",
        "sms/transactional",
    }
    assert all(count > 10 for count in said.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_only_customers_change_their_consent_and_twice_at_most(seed: int) -> None:
    """Each change of a user costs ten seconds; some change their mind all the same."""
    first_events = {one.body: one for one in generate(DAY, seed=seed)}.values()
    changes = Counter(one.user for one in first_events if one.consents)

    assert all(is_customer(user) for user in changes)
    assert max(changes.values()) == 2


def test_the_customers_are_in_klaviyo_with_what_names_them() -> None:
    """Three of four users, with their phone in E.164; people write it otherwise."""
    known = customer_profiles(8)

    assert [one["external_id"] for one in known] == ["u1", "u2", "u3", "u5", "u6", "u7"]
    assert known[-1] == {
        "external_id": "u7",
        "email": "u7+shop@example.com",
        "phone_number": "+16175550007",
    }
    assert phone_of("u7") == "+16175550007"
    assert formatted_phone_of("u7") == "+1 (617) 555-0007"
