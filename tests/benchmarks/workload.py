"""Workloads of the benchmarks: two backlogs, equal in each run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

START_MS = 1_760_000_000_000
STEP_MS = 10
AUDIENCES = ("vip", "cart-abandoned", "lapsed", "new-this-week", "big-spender")
ROUNDS = 4
"""A user's moves: into one audience, into another, out of the first, into a third."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Record to publish; partition -1 means the key decides."""

    key: bytes
    value: bytes
    headers: list[tuple[str, Any]] = field(default_factory=list)
    partition: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A backlog and its name."""

    name: str
    make: Callable[[int], list[Published]]


def audience_moves(events: int) -> list[Published]:
    """Every event an edge: three of four add a user to a list, one removes them."""
    users = max(1, events // ROUNDS)
    return [_move(n % users, n // users, number=n) for n in range(events)]


def identify_upserts(events: int) -> list[Published]:
    """Every event another user's profile."""
    return [_upsert(n) for n in range(events)]


def product_views(events: int) -> list[Published]:
    """Every event another user's, of a product, as a shop's page sends it."""
    return [_published(n, number=n, body=_viewed(n)) for n in range(events)]


def track_events(events: int) -> list[bytes]:
    """The same as lines."""
    return [one.value for one in product_views(events)]


WORKLOADS = (
    Workload(name="audience moves", make=audience_moves),
    Workload(name="profile upserts", make=identify_upserts),
    Workload(name="track events", make=product_views),
)


def _move(user: int, move: int, *, number: int) -> Published:
    user_number = (user, user + 1, user, user + 2)[move % ROUNDS]
    audience = AUDIENCES[user_number % len(AUDIENCES)]
    entered = move % ROUNDS != 2
    personas = {
        "computation_class": "audience",
        "computation_id": f"aud_{audience}",
        "computation_key": audience,
        "namespace": "spa_1b2c3d4e5f",
        "space_id": "spa_1b2c3d4e5f",
    }
    return _published(
        user,
        number=number,
        body={
            "type": "track",
            "event": "Audience Entered" if entered else "Audience Exited",
            "properties": {"audience_key": audience, audience: entered},
            "context": _context(user) | {"personas": personas},
        },
    )


def _upsert(number: int) -> Published:
    traits = {
        "email": f"user{number}@example.com",
        "first_name": "Sarah",
        "last_name": f"Mason {number}",
        "phone": f"+1555{number:07}",
        "address": {"city": "Boston", "country": "US", "postalCode": "02110"},
        "plan": "gold",
        "orders": number % 50,
    }
    body = {"type": "identify", "traits": traits, "context": _context(number)}
    return _published(number, number=number, body=body)


def _viewed(number: int) -> dict[str, Any]:
    properties = {
        "product_id": f"p{number % 1000}",
        "sku": "G-32",
        "category": "Games",
        "name": "Monopoly: 3rd Edition",
        "brand": "Hasbro",
        "price": 18.99,
        "currency": "USD",
        "quantity": 1,
        "url": "https://shop.example.com/product/monopoly-3rd-edition",
        "image_url": "https://shop.example.com/product/monopoly-3rd-edition.jpg",
    }
    return {
        "type": "track",
        "event": "Product Viewed",
        "properties": properties,
        "context": _context(number),
    }


def _published(user: int, *, number: int, body: dict[str, Any]) -> Published:
    name = f"user-{user}"
    common = {
        "userId": name,
        "anonymousId": f"507f191e-810c-4972-9de8-{user:012}",
        "messageId": f"ajs-next-{number:016}",
        "timestamp": START_MS + number * STEP_MS,
        "integrations": {"All": True},
    }
    return Published(key=name.encode(), value=orjson.dumps(body | common))


def _context(user: int) -> dict[str, Any]:
    return {
        "ip": "203.0.113.7",
        "library": {"name": "analytics.js", "version": "2.11.1"},
        "locale": "en-US",
        "page": {"path": "/account", "url": "https://shop.example.com/account"},
        "timezone": "America/New_York",
        "traits": {"email": f"user{user}@example.com"},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0",
    }
