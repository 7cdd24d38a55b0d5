"""Days of a shop, and how their events are read from their bytes alone."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from agents.demo.workload.generator import SampleEvent, WorkloadShape

AUDIENCES = ("vip", "abandoned-cart")
DAY = WorkloadShape(
    events=2_000,
    users=100,
    audiences=AUDIENCES,
    other=0.5,
    orders=0.15,
    consents=0.4,
)
SEEDS = [pytest.param(seed, id=f"seed-{seed}") for seed in (1, 2, 3)]


def decode_events(published: Iterable[SampleEvent]) -> list[dict[str, Any]]:
    """Decode the bodies of published events."""
    return [json.loads(one.body) for one in published]


def memberships_in(body: dict[str, Any]) -> dict[str, bool]:
    """Return the memberships stated in one event."""
    if body.get("event") in {"Audience Entered", "Audience Exited"}:
        entered = body["event"] == "Audience Entered"
        return {body["properties"]["audience_key"]: entered}
    traits = body.get("traits", {})
    return {name: traits[name] for name in AUDIENCES if name in traits}


def consents(body: dict[str, Any]) -> dict[str, str]:
    """Return the consents stated in one event, by the presets' rules."""
    traits = body.get("context", {}).get("traits", {})
    email = ["email/marketing"] * ("email" in traits)
    sms = ["sms/marketing"] * ("phone" in traits)
    if body.get("event") == "User Subscribed":
        return dict.fromkeys(email + sms, "SUBSCRIBED")
    if body.get("event") == "User Unsubscribed":
        service = ["sms/transactional"] * ("phone" in traits)
        return dict.fromkeys(email + sms + service, "UNSUBSCRIBED")
    return {}


def recordings(body: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Metric, unique id and worth of all that one event must leave."""
    if body["type"] != "track" or memberships_in(body):
        return []
    properties, name = body["properties"], body["messageId"]
    value = properties.get("revenue", properties.get("total"))
    lines = range(1, len(properties.get("products", ())) + 1)
    return [
        (body["event"], name, value),
        *(("Ordered Product", f"{name}:{line}", None) for line in lines),
    ]
