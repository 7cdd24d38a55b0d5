"""Events of unknown persons wait, and then reach the one profile of each person."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.events.canonical_event import Origin
from tests.journeys.harness import SHORTEST_SESSION_S, Pipeline
from tests.journeys.sample_events import START_MS, users

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

HOLD_S = 10
"""Time in which the events that name a person must be decided."""

DRILL_HOLD_S = 40
"""The same, while a worker is killed and another one takes over."""

LONG_HOLD_S = 3_600
"""Longer than any test waits."""

STOP_MAX_S = 20
"""Far below the time for which work in progress may delay a rebalance (36 s)."""


def _destination(directory: Path, *, hold_for_s: int) -> Path:
    path = directory / "destination.yaml"
    path.write_text(
        f"settings: {{identity: {{unknown: hold, hold_for_s: {hold_for_s}}}}}\n"
    )
    return path


def _publish(pipeline: Pipeline, user: str, *events: dict[str, Any]) -> list[Origin]:
    """Publish events of a user, in order, a minute apart."""
    records = []
    for event in events:
        at_ms = START_MS + event.pop("minute") * 60_000
        body = {"type": "track", "userId": user, "timestamp": at_ms, **event}
        name = f"{user}-{at_ms}"
        records.append((user, orjson.dumps({"messageId": name, **body})))
    return pipeline.publish(records)


def _email(user: str) -> str:
    return f"{user}@example.com"


def _viewed(minute: int = 0) -> dict[str, Any]:
    return {"event": "Viewed", "minute": minute}


def _subscribed(user: str, **who: str | None) -> dict[str, Any]:
    traits = {"traits": {"email": _email(user)}}
    return {"event": "User Subscribed", "context": traits, "minute": 1, **who}


def _identified(user: str, minute: int = 2) -> dict[str, Any]:
    return {"type": "identify", "traits": {"email": _email(user)}, "minute": minute}


def _moved(event: str, minute: int) -> dict[str, Any]:
    return {"event": event, "properties": {"audience_key": "vip"}, "minute": minute}


def _profiles(pipeline: Pipeline) -> list[tuple[str | None, str | None]]:
    rows = pipeline.klaviyo.ask("GET", "profiles")
    return sorted((row["external_id"] or "", row["email"]) for row in rows)


def _metrics_by_email(pipeline: Pipeline) -> Counter[tuple[str, str]]:
    """Count the recorded events by metric and address, or user id, of the profile."""
    rows = pipeline.klaviyo.ask("GET", "profiles")
    owners = {row["id"]: row["email"] or row["external_id"] for row in rows}
    events = pipeline.klaviyo.ask("GET", "events")
    return Counter((row["metric"], owners[row["profile_id"]]) for row in events)


@pytest.mark.parametrize("fold", ["fold", "conflict"])
def test_a_shopper_is_one_profile_without_any_merge(
    pipeline: Pipeline, tmp_path: Path, fold: str
) -> None:
    """Viewed logged in, then subscribed with an address, then identified.

    `guest` subscribes in a form that does not know the user, so nothing but the
    identify call says who that is; `nobody` never gives an address.
    """
    pipeline.klaviyo.ask("POST", "switches", {"external_id_fold": fold})
    pipeline.run(destination=_destination(tmp_path, hold_for_s=HOLD_S))
    form = {"userId": None, "anonymousId": "browser"}

    origins = [
        *_publish(pipeline, "ada", _viewed(), _subscribed("ada"), _identified("ada")),
        *_publish(
            pipeline,
            "guest",
            _viewed(),
            _subscribed("guest", **form),
            _identified("guest"),
        ),
        *_publish(pipeline, "nobody", _viewed()),
    ]
    pipeline.await_quiet(origins)

    emails = {user: _email(user) for user in ("ada", "guest")}
    assert _profiles(pipeline) == [*emails.items(), ("nobody", None)]
    viewers = [
        owner for metric, owner in _metrics_by_email(pipeline) if metric == "Viewed"
    ]
    assert sorted(viewers) == [*emails.values(), "nobody"]
    assert pipeline.klaviyo.requests("POST", "/api/profile-merge") == []
    assert pipeline.await_dead_letters(0) == []


def test_a_killed_worker_loses_no_held_event(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """Each is recorded once, and the list ends as the last change of each user says.

    A third of the users is identified while the worker is down, a third exits after
    that, and a third remains unknown.
    """
    destination = _destination(tmp_path, hold_for_s=DRILL_HOLD_S)
    pipeline.run(destination=destination, session_timeout_s=SHORTEST_SESSION_S)
    known, former, unknown = (users(name, 8) for name in ("known", "left", "new"))
    everyone = [*known, *former, *unknown]
    origins = [
        origin
        for user in everyone
        for origin in _publish(
            pipeline, user, _viewed(), _moved("Audience Entered", minute=1)
        )
    ]
    pipeline.until(lambda: pipeline.groups["release"].lag == 2 * len(everyone))
    assert _profiles(pipeline) == []

    pipeline.workers["w0"].kill()
    for user in (*known, *former):
        origins += _publish(pipeline, user, _identified(user))
    for user in former:
        origins += _publish(pipeline, user, _moved("Audience Exited", minute=3))
    pipeline.start("w0")
    pipeline.await_quiet(origins)

    emails = [_email(user) for user in (*known, *former)]
    owners = {*emails, *unknown}
    assert len(_profiles(pipeline)) == len(everyone)
    assert _metrics_by_email(pipeline) == dict.fromkeys(
        (("Viewed", owner) for owner in owners), 1
    )
    [vip] = pipeline.klaviyo.named("vip")
    members = {member["email"] or member["external_id"] for member in vip["members"]}
    assert members == {*map(_email, known), *unknown}
    assert pipeline.klaviyo.requests("POST", "/api/profile-merge") == []
    assert pipeline.await_dead_letters(0) == []


def test_workers_join_stop_and_release_at_once_while_events_wait(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """Waiting events delay no rebalance; without the setting they wait no longer."""
    pipeline.run(destination=_destination(tmp_path, hold_for_s=LONG_HOLD_S))
    visitors = users("visitor", 20)
    origins = [origin for u in visitors for origin in _publish(pipeline, u, _viewed())]
    pipeline.until(lambda: pipeline.groups["release"].lag == len(visitors))

    pipeline.start("w1")
    pipeline.await_members(2)
    stops_s = []
    for name in ("w0", "w1"):
        started_s = time.monotonic()
        pipeline.workers[name].stop()
        assert pipeline.workers[name].ended() == 0
        stops_s.append(time.monotonic() - started_s)
    lag = pipeline.groups["release"].lag
    sends = tmp_path / "sends.yaml"
    sends.write_text("settings: {identity: {unknown: send}}\n")
    pipeline.start("w1", destination=sends)
    pipeline.await_quiet(origins)

    assert max(stops_s) < STOP_MAX_S
    assert lag == len(visitors)
    assert _profiles(pipeline) == sorted((user, None) for user in visitors)
