"""The demo's truth is what its events say, whoever reads them."""

from collections.abc import Callable
from itertools import pairwise
from operator import itemgetter
from typing import Any

import pytest

from agents.demo.expected import compute_expected, count_expected_outcomes
from agents.demo.workload.generator import (
    SampleEvent,
    WorkloadShape,
    email_of,
    generate,
)
from tests.agents.demo.sample_workloads import (
    AUDIENCES,
    DAY,
    SEEDS,
    consents,
    decode_events,
    memberships_in,
    recordings,
)

SMALL = WorkloadShape(
    events=300, users=12, audiences=AUDIENCES, other=0.6, orders=0.2, consents=0.5
)


def _first_index(bodies: list[dict[str, Any]], body: dict[str, Any]) -> int:
    return [other["messageId"] for other in bodies].index(body["messageId"])


def _last(
    bodies: list[dict[str, Any]], said: Callable[[dict[str, Any]], Any]
) -> tuple[int, int, Any] | None:
    """By brute force: sort all that was said by time, then by first publication."""
    every = [
        (body["timestamp"], _first_index(bodies, body), said(body))
        for body in bodies
        if said(body) is not None
    ]
    return max(every) if every else None


def _of(bodies: list[dict[str, Any]], user: str) -> list[dict[str, Any]]:
    return [body for body in bodies if body["userId"] == user]


def _users(bodies: list[dict[str, Any]]) -> set[str]:
    return {body["userId"] for body in bodies}


def _in(audience: str) -> Callable[[dict[str, Any]], bool | None]:
    return lambda body: memberships_in(body).get(audience)


def _on(channel: str) -> Callable[[dict[str, Any]], str | None]:
    return lambda body: consents(body).get(channel)


def _members(bodies: list[dict[str, Any]], audience: str) -> set[str]:
    said = {user: _last(_of(bodies, user), _in(audience)) for user in _users(bodies)}
    return {email_of(user) for user, last in said.items() if last and last[2]}


def _edges(bodies: list[dict[str, Any]]) -> int:
    """After each new word, compare what is true with what was."""
    edges = 0
    for user in _users(bodies):
        mine = _of(bodies, user)
        for audience in AUDIENCES:
            lasts = [_last(mine[:end], _in(audience)) for end in range(len(mine) + 1)]
            states = [last and last[2] for last in lasts]
            edges += sum(a != b for a, b in pairwise(states))
    return edges


def _consents(bodies: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    channels = {channel for body in bodies for channel in consents(body)}
    said = {
        (user, channel): _last(_of(bodies, user), _on(channel))
        for user in _users(bodies)
        for channel in channels
    }
    return {key: last[2] for key, last in said.items() if last}


def _attributes(traits: dict[str, Any]) -> dict[str, Any]:
    """By Segment's names, in Klaviyo's."""
    named = {
        "first_name": traits.get("first_name", traits.get("firstName")),
        "last_name": traits.get("last_name"),
        "location.city": traits.get("address", {}).get("city"),
        "properties.plan": traits.get("plan"),
        "properties.visits": traits.get("visits"),
    }
    return {name: value for name, value in named.items() if value is not None}


def _profiles(bodies: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each attribute is what the last event by event time says that sets it."""
    found: dict[str, dict[str, Any]] = {}
    for body in sorted(bodies, key=itemgetter("timestamp")):
        if body["type"] == "identify" and not memberships_in(body):
            traits = body["traits"]
            profile = found.setdefault(traits["email"], {})
            profile.update(_attributes(traits))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_the_truth_is_what_brute_force_finds_in_the_bytes(seed: int) -> None:
    """A second computation, by another way, from what Kafka is given."""
    published = generate(SMALL, seed=seed)
    bodies = decode_events(published)

    state = compute_expected(published, AUDIENCES)

    assert state.members == {name: _members(bodies, name) for name in AUDIENCES}
    assert state.transitions == _edges(bodies)
    assert state.attributes == _profiles(bodies)
    assert state.upserted == state.attributes.keys()
    assert state.consents == _consents(bodies)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_event_is_recorded_once_with_its_time_worth_and_properties(
    seed: int,
) -> None:
    """An order by itself and each of its products; a repeat adds nothing."""
    published = generate(DAY, seed=seed)
    bodies = decode_events(published)

    state = compute_expected(published, AUDIENCES).events

    assert {key: one.value for key, one in state.items()} == {
        (body["userId"], metric, unique_id): value
        for body in bodies
        for metric, unique_id, value in recordings(body)
    }
    for body in bodies:
        for metric, unique_id, value in recordings(body):
            one = state[body["userId"], metric, unique_id]
            currency = body["properties"]["currency"] if value is not None else None
            assert (one.currency, one.time_s) == (currency, body["timestamp"] // 1000)
            if metric != "Ordered Product":
                assert one.properties == body["properties"]


def test_a_product_of_an_order_has_what_the_order_has_but_the_products() -> None:
    """Both of two lines, each with its own product."""
    state = compute_expected(generate(DAY, seed=1), AUDIENCES).events
    body = next(
        body
        for body in decode_events(generate(DAY, seed=1))
        if len(body.get("properties", {}).get("products", ())) == 2
    )
    order = {**body["properties"]}
    products = order.pop("products")

    lines = [
        state[body["userId"], "Ordered Product", f"{body['messageId']}:{line}"]
        for line in (1, 2)
    ]

    assert [one.properties for one in lines] == [{**order, **one} for one in products]


def _sample_event(body: bytes, time_ms: int, **consents: str) -> SampleEvent:
    return SampleEvent(user="u1", time_ms=time_ms, body=body, consents=consents)


def test_the_latest_consent_by_event_time_has_the_last_word() -> None:
    """Neither a late one nor a repeat has it; of equal times the later one does."""
    first = _sample_event(b"1", 1, email="yes", sms="yes")
    late = _sample_event(b"2", 2, email="late")
    last = _sample_event(b"3", 3, email="last")
    tied = _sample_event(b"4", 3, email="tied")

    state = compute_expected([first, last, late, tied, first, last], ())

    assert state.consents == {("u1", "email"): "tied", ("u1", "sms"): "yes"}


def test_an_outcome_is_due_for_each_thing_that_is_done() -> None:
    """Each event has an outcome; a repeated or late consent adds none."""
    first = _sample_event(b"1", 1, email="yes", sms="yes")
    late = _sample_event(b"2", 2, email="late")
    partly = _sample_event(b"4", 2, email="late", sms="no")
    last = _sample_event(b"3", 3, email="no")
    order = next(
        one for one in generate(SMALL, seed=1) if len(one.expected_events) == 4
    )

    due = count_expected_outcomes([first, last, late, partly, first, order, order])

    assert due == [1, 1, 1, 1, 1, 4, 4]


def test_a_consent_event_is_due_two_outcomes_where_it_is_news() -> None:
    """An event with a consent has two outcomes, its duplicate one."""
    news = next(one for one in generate(DAY, seed=1) if one.consents)

    assert count_expected_outcomes([news, news]) == [2, 1]
