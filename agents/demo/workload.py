"""A day of a shop's audience events: repeats and late ones among them.

The truth is computed here from what is published, apart from the pipeline: nothing of
`streams/` is imported, so that the two can disagree.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

START_MS = 1_760_000_000_000
STEP_MS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a workload looks like.

    Attributes:
        events: How many different events happen.
        users: To how many users.
        audiences: Into and out of these.
        repeated: Share published a second time.
        late: Share published after events that happened later.
        other: Share that has nothing to do with audiences.
    """

    events: int
    users: int
    audiences: tuple[str, ...]
    repeated: float = 0.2
    late: float = 0.1
    other: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event: what it says, and where in the order it is published."""

    user: str
    time_ms: int
    body: bytes
    audience: str = ""
    entered: bool = False
    upserts: bool = False
    place: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What Klaviyo must hold in the end, and what had to be said for it.

    Attributes:
        members: Audience -> e-mail addresses.
        edges: How many times a membership changed, in the order of publication.
        upserted: E-mail addresses of the users whose profile was set.
    """

    members: dict[str, frozenset[str]]
    edges: int
    upserted: frozenset[str]


def email_of(user: str) -> str:
    """The address by which a user is found in Klaviyo; some have a plus sign."""
    return f"{user}+shop@example.com" if user.endswith("7") else f"{user}@example.com"


def publish(shape: Shape, *, seed: int) -> list[Happening]:
    """Everything in the order in which it reaches Kafka."""
    chance = random.Random(seed)  # noqa: S311 - a workload, no secret
    happened = [_happen(shape, number, chance) for number in range(shape.events)]
    placed = [
        replace(one, place=number + _delay(shape, chance))
        for number, one in enumerate(happened)
    ]
    repeats = [
        replace(one, place=one.place + chance.uniform(1, shape.events / 10))
        for one in placed
        if chance.random() < shape.repeated
    ]
    return sorted([*placed, *repeats], key=lambda one: one.place)


def truth(published: Sequence[Happening], audiences: Iterable[str]) -> Truth:
    """Replay what was published by the rule: the latest event time has the last word.

    At equal times the later publication has it; a second publication says nothing.
    """
    last: dict[tuple[str, str], tuple[int, bool]] = {}
    seen: set[bytes] = set()
    edges = 0
    for one in published:
        if not one.audience or one.body in seen:
            continue
        seen.add(one.body)
        spot = (one.user, one.audience)
        before = last.get(spot)
        if before is not None and one.time_ms < before[0]:
            continue
        edges += before is None or before[1] != one.entered
        last[spot] = (one.time_ms, one.entered)
    return Truth(
        members={name: _inside(last, name) for name in audiences},
        edges=edges,
        upserted=frozenset(email_of(one.user) for one in published if one.upserts),
    )


def _inside(
    last: dict[tuple[str, str], tuple[int, bool]], audience: str
) -> frozenset[str]:
    return frozenset(
        email_of(user)
        for (user, name), (_, entered) in last.items()
        if name == audience and entered
    )


def _happen(shape: Shape, number: int, chance: random.Random) -> Happening:
    user = f"u{chance.randrange(shape.users)}"
    time_ms = START_MS + number // 2 * STEP_MS  # two share each moment
    if chance.random() < shape.other:
        return _other(user, time_ms, number, chance)
    audience = chance.choice(shape.audiences)
    entered = chance.random() < 0.55
    says = _flag if chance.random() < 0.3 else _word
    body = says(user, audience, entered=entered)
    return Happening(
        user=user,
        time_ms=time_ms,
        body=_bytes(user, time_ms, number, body),
        audience=audience,
        entered=entered,
    )


def _other(user: str, time_ms: int, number: int, chance: random.Random) -> Happening:
    upserts = chance.random() < 0.5
    traits = {"email": email_of(user), "first_name": user.title(), "visits": number}
    body: dict[str, Any] = (
        {"type": "identify", "traits": traits}
        if upserts
        else {"type": "track", "event": "Product Viewed", "properties": {"n": number}}
    )
    return Happening(
        user=user,
        time_ms=time_ms,
        body=_bytes(user, time_ms, number, body),
        upserts=upserts,
    )


def _word(user: str, audience: str, *, entered: bool) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Audience Entered" if entered else "Audience Exited",
        "properties": {"audience_key": audience, audience: entered},
        "context": _context(user, audience),
    }


def _flag(user: str, audience: str, *, entered: bool) -> dict[str, Any]:
    return {
        "type": "identify",
        "traits": {audience: entered, "email": email_of(user)},
        "context": _context(user, audience),
    }


def _context(user: str, audience: str) -> dict[str, Any]:
    return {
        "personas": {
            "computation_class": "audience",
            "computation_id": f"aud_{audience}",
            "computation_key": audience,
        },
        "traits": {"email": email_of(user)},
    }


def _bytes(user: str, time_ms: int, number: int, body: dict[str, Any]) -> bytes:
    common = {"userId": user, "messageId": f"m{number}", "timestamp": time_ms}
    return orjson.dumps(body | common)


def _delay(shape: Shape, chance: random.Random) -> float:
    if chance.random() >= shape.late:
        return 0.0
    return chance.uniform(1, shape.events / 20)
