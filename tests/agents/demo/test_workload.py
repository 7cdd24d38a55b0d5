"""The demo's events are what they claim to be, and so is their truth."""

import json
from itertools import pairwise
from typing import Any

import pytest

from agents.demo.mix import Mix, mix
from agents.demo.workload import Happening, Shape, email_of, publish, truth

AUDIENCES = ("vip", "abandoned-cart")
SHAPE = Shape(events=2_000, users=100, audiences=AUDIENCES)
SEEDS = [pytest.param(seed, id=f"seed-{seed}") for seed in (1, 2, 3)]


def _read(published: list[Happening]) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in published]


def _words(body: dict[str, Any]) -> dict[str, bool]:
    """What one event says, read from its bytes alone."""
    if body.get("event") in {"Audience Entered", "Audience Exited"}:
        entered = body["event"] == "Audience Entered"
        return {body["properties"]["audience_key"]: entered}
    traits = body.get("traits", {})
    return {name: traits[name] for name in AUDIENCES if name in traits}


def _members(bodies: list[dict[str, Any]], audience: str) -> set[str]:
    """By brute force: of each user, sort all that was said and take the last."""
    members = set()
    for user in {body["userId"] for body in bodies}:
        said = [
            (body["timestamp"], first, _words(body)[audience])
            for body in bodies
            if body["userId"] == user and audience in _words(body)
            for first in [_first_place(bodies, body)]
        ]
        if said and max(said)[2]:
            members.add(email_of(user))
    return members


def _first_place(bodies: list[dict[str, Any]], body: dict[str, Any]) -> int:
    ids = [other["messageId"] for other in bodies]
    return ids.index(body["messageId"])


def _edges(bodies: list[dict[str, Any]]) -> int:
    """By brute force: after each new word, compare the truth with the one before."""
    edges = 0
    for user in {body["userId"] for body in bodies}:
        mine = [body for body in bodies if body["userId"] == user]
        for audience in AUDIENCES:
            states = [_state(mine[:end], audience) for end in range(len(mine) + 1)]
            edges += sum(a != b for a, b in pairwise(states))
    return edges


def _state(bodies: list[dict[str, Any]], audience: str) -> bool | None:
    said = [
        (body["timestamp"], _first_place(bodies, body), _words(body)[audience])
        for body in bodies
        if audience in _words(body)
    ]
    return max(said)[2] if said else None


@pytest.mark.parametrize("seed", SEEDS)
def test_repeats_and_late_events_have_about_the_share_asked_for(seed: int) -> None:
    """A fifth is told twice, and nearly a tenth after what happened later."""
    made = mix(publish(SHAPE, seed=seed))

    assert made.published == SHAPE.events + made.repeats
    assert 0.16 < made.repeats / SHAPE.events < 0.24
    assert 0.07 < made.late / SHAPE.events < 0.13
    assert 0.07 < made.upserts / SHAPE.events < 0.13
    assert made.users == SHAPE.users


def test_a_mix_counts_a_late_event_once_and_not_its_repeat() -> None:
    """Late is judged where an event is first told."""
    early = Happening(user="a", time_ms=1, body=b"early")
    later = Happening(user="b", time_ms=2, body=b"later", upserts=True)

    made = mix([later, early, early, later])

    assert made == Mix(published=4, repeats=2, late=1, users=2, upserts=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_is_a_day_that_can_be_had_again(seed: int) -> None:
    """The same seed publishes the same, another one something else."""
    assert publish(SHAPE, seed=seed) == publish(SHAPE, seed=seed)
    assert publish(SHAPE, seed=seed) != publish(SHAPE, seed=seed + 1)


def test_both_ways_to_tell_of_an_audience_are_used() -> None:
    """Track calls and identify calls, each in and out, for every audience."""
    bodies = _read(publish(SHAPE, seed=1))
    told = {
        (body["type"], audience, entered)
        for body in bodies
        for audience, entered in _words(body).items()
    }

    assert told == {
        (kind, audience, entered)
        for kind in ("track", "identify")
        for audience in AUDIENCES
        for entered in (True, False)
    }


def test_in_the_demos_own_shape_hundreds_of_people_enter_and_leave() -> None:
    """Two lists of hundreds, reached through more changes than they have members."""
    shape = Shape(events=6_000, users=600, audiences=AUDIENCES)

    told = truth(publish(shape, seed=1), AUDIENCES)

    assert all(len(members) > 200 for members in told.members.values())
    assert told.edges > 2 * sum(len(members) for members in told.members.values())
    assert len(told.upserted) > 200


@pytest.mark.parametrize("seed", SEEDS)
def test_the_truth_is_what_brute_force_finds_in_the_bytes(seed: int) -> None:
    """A second computation, by another way, from what Kafka is given."""
    shape = Shape(events=300, users=12, audiences=AUDIENCES)
    published = publish(shape, seed=seed)
    bodies = _read(published)

    told = truth(published, AUDIENCES)

    assert told.members == {name: _members(bodies, name) for name in AUDIENCES}
    assert told.edges == _edges(bodies)
    assert told.upserted == {
        body["traits"]["email"] for body in bodies if "visits" in body.get("traits", {})
    }
