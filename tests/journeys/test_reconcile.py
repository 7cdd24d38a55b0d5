"""The table compared with a list in Klaviyo, and repaired, on a real Kafka."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import TopicPartition

from agents.cli import main
from agents.cli.options import read_worker
from agents.reconcile import Reconciler, new_replay
from streams.events.origin import Origin
from tests.brokers.face import Broker, admin
from tests.journeys.conftest import Say
from tests.journeys.events import email_of, moves, profile_of, users
from tests.journeys.harness import Pipeline, Record
from tests.journeys.klaviyo import Klaviyo
from tests.streams.sandbox.api import HEADERS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

QUOTA_SCALE = 10
"""With Klaviyo's own quotas 500 pages take 45 s, and they are read three times."""

MEMBERS, REMOVED, LEFT, OTHERS = 50_000, 500, 400, 100
ANONYMOUS = 2_000
"""Of the members, those known by a device: the list has only their addresses."""

WITHIN_S = 200.0


@pytest.fixture
def rationed(
    durable_kafka: Broker, topic_prefix: str, tmp_path: Path
) -> Iterator[Pipeline]:
    """A pipeline whose Klaviyo has quotas."""
    options = ("--quota-scale", str(QUOTA_SCALE), "--job-seconds", "0.2")
    with (
        closing(Klaviyo(*options)) as klaviyo,
        closing(
            Pipeline(durable_kafka, klaviyo=klaviyo, prefix=topic_prefix, home=tmp_path)
        ) as pipeline,
    ):
        yield pipeline.run(
            klaviyo_quota_scale=QUOTA_SCALE,
            bulk_min_items=4,
            batch_max_items=5_000,
            batch_max_age_s=1.0,
        )
        pipeline.check_logs()


def typed(pipeline: Pipeline, *arguments: str) -> Result:
    """Run the command."""
    result = CliRunner().invoke(
        main, ["reconcile", *arguments], env=dict(pipeline.environ)
    )
    assert "Traceback" not in result.output
    return result


def lines(result: Result) -> list[dict[str, Any]]:
    """What it printed as JSON."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def anonymous(who: Sequence[str], audience: str, *, entered: bool) -> list[Record]:
    """The same of people that no user id is known of."""
    found: list[Record] = []
    for user, value in moves(who, audience, entered=entered):
        body = orjson.loads(value or b"")
        body["anonymousId"] = body.pop("userId")
        found.append((user, orjson.dumps(body)))
    return found


def by_hand(klaviyo: Klaviyo, method: str, list_id: str, ids: Sequence[str]) -> None:
    """Change a list as another tool would."""
    connection = HTTPConnection(urlsplit(klaviyo.url).netloc, timeout=30)
    data = [{"type": "profile", "id": one} for one in ids]
    path = f"/api/lists/{list_id}/relationships/profiles"
    headers = {**HEADERS, "Content-Type": "application/vnd.api+json"}
    with closing(connection):
        connection.request(method, path, orjson.dumps({"data": data}), headers)
        assert connection.getresponse().status == 204


def members_of(klaviyo: Klaviyo) -> dict[str, str]:
    """Address -> profile id of everyone on the list."""
    [vip] = klaviyo.named("vip")
    return {one["email"]: one["profile_id"] for one in vip["members"]}


def test_a_thousand_differences_are_found_and_repaired(
    rationed: Pipeline, say: Say
) -> None:
    """On a list of 50,000, and nobody else is touched."""
    pipeline, klaviyo = rationed, rationed.klaviyo
    known, devices = users("u", MEMBERS - ANONYMOUS), users("device", ANONYMOUS)
    left = users("left", LEFT)
    entered = [
        *moves([*known, *left], "vip", entered=True),
        *anonymous(devices, "vip", entered=True),
    ]
    pipeline.await_quiet(pipeline.publish(entered), within_s=WITHIN_S)
    exited = moves(left, "vip", entered=False, at_s=9)
    pipeline.await_quiet(pipeline.publish(exited), within_s=WITHIN_S)
    right = members_of(klaviyo)
    assert len(right) == MEMBERS
    removed = [*known[: REMOVED - 100], *devices[:100]]
    _spoil(klaviyo, right, removed=removed, left=left)
    before = klaviyo.changes()

    began_s = time.monotonic()
    looked = typed(pipeline, "--json")
    read_s = time.monotonic() - began_s
    repaired = typed(pipeline, "--audience", "vip", "--apply")
    took_s = time.monotonic() - began_s - read_s

    counts, *each = lines(looked)
    named = {
        kind: {line["user"] for line in each if line["kind"] == kind}
        for kind in ("missing", "unexpected")
    }
    assert (looked.exit_code, repaired.exit_code) == (1, 0)
    assert named == {"missing": set(removed), "unexpected": set(left)}
    assert counts["others"] == OTHERS
    others = {email_of(user) for user in users("other", OTHERS)}
    assert members_of(klaviyo).keys() == right.keys() | others
    after = klaviyo.changes()
    assert after["adds"] - before["adds"] == REMOVED
    assert after["removals"] - before["removals"] == LEFT
    assert typed(pipeline).exit_code == 0
    for line in repaired.stdout.splitlines():
        say(line)
    say(f"{MEMBERS + OTHERS + LEFT - REMOVED} members read in {read_s:.1f} s")
    say(f"read again and repaired in {took_s:.1f} s, at {QUOTA_SCALE} x the quotas")


def _spoil(
    klaviyo: Klaviyo,
    right: dict[str, str],
    *,
    removed: Sequence[str],
    left: Sequence[str],
) -> None:
    """Take some off the list, put back some who left, and others."""
    [vip] = klaviyo.named("vip")
    by_hand(klaviyo, "DELETE", vip["id"], [right[email_of(one)] for one in removed])
    profiles = {one["email"]: one["id"] for one in klaviyo.ask("GET", "profiles")}
    back = [profiles[email_of(one)] for one in left]
    seeded = [profile_of(one) for one in users("other", OTHERS)]
    others = klaviyo.ask("POST", "profiles", seeded)["ids"]
    by_hand(klaviyo, "POST", vip["id"], [*back, *others])


def test_a_live_exit_between_reading_and_repair_wins(
    rationed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repair comes after it, and is no longer the last word."""
    pipeline, klaviyo = rationed, rationed.klaviyo
    who = users("u", 20)
    pipeline.await_quiet(pipeline.publish(moves(who, "vip", entered=True)))
    ids = members_of(klaviyo)
    [vip] = klaviyo.named("vip")
    by_hand(klaviyo, "DELETE", vip["id"], [*ids.values()])
    for name, value in pipeline.environ.items():
        monkeypatch.setenv(name, value)
    work = Reconciler(*read_worker(None), say=lambda _: None)

    found = work.find()
    pipeline.await_quiet(
        pipeline.publish(moves(who[:5], "vip", entered=False, at_s=60))
    )
    ended = work.repair(found, replay=new_replay(), wait=True)

    assert sum(one.differences.count for one in found) == 20
    assert ended == {("delivered", ""): 15, ("discarded", "stale"): 5}
    assert members_of(klaviyo).keys() == {email_of(one) for one in who[5:]}


def test_a_list_that_is_gone_is_made_again_and_filled(rationed: Pipeline) -> None:
    """All who are inside are missing on it."""
    pipeline, klaviyo = rationed, rationed.klaviyo
    who = users("u", 20)
    pipeline.await_quiet(
        pipeline.publish(
            [
                *moves(who, "vip", entered=True),
                *moves(who[:5], "vip", entered=False, at_s=60),
            ]
        )
    )
    [vip] = klaviyo.named("vip")
    klaviyo.ask("DELETE", f"lists/{vip['id']}")

    looked = typed(pipeline)
    repaired = typed(pipeline, "--apply")

    assert "gone in Klaviyo" in looked.stdout
    assert (looked.exit_code, repaired.exit_code) == (1, 0)
    assert members_of(klaviyo).keys() == {email_of(one) for one in who[5:]}
    assert typed(pipeline).exit_code == 0


def test_a_resync_tells_everyone_inside_again(rationed: Pipeline) -> None:
    """There or not; and takes off whom it has outside."""
    pipeline, klaviyo = rationed, rationed.klaviyo
    who = users("u", 20)
    pipeline.await_quiet(pipeline.publish(moves(who, "vip", entered=True)))
    exited = moves(who[:5], "vip", entered=False, at_s=60)
    pipeline.await_quiet(pipeline.publish(exited))
    [vip] = klaviyo.named("vip")
    profiles = {one["email"]: one["id"] for one in klaviyo.ask("GET", "profiles")}
    by_hand(klaviyo, "POST", vip["id"], [profiles[email_of(who[0])]])
    before = klaviyo.changes()

    result = typed(pipeline, "--audience", "vip", "--apply", "--resync")

    after = klaviyo.changes()
    assert result.exit_code == 0
    assert "16 to repair" in result.stdout
    assert after["adds"] - before["adds"] == 15
    assert after["removals"] - before["removals"] == 1
    assert members_of(klaviyo).keys() == {email_of(one) for one in who[5:]}


def test_who_has_no_source_record_any_more_is_added_by_a_known_user_id(
    rationed: Pipeline,
) -> None:
    """Retention has taken the records; the table has not forgotten."""
    pipeline, klaviyo = rationed, rationed.klaviyo
    who = users("u", 20)
    origins = pipeline.publish(moves(who, "vip", entered=True))
    pipeline.await_quiet(origins)
    ids = members_of(klaviyo)
    [vip] = klaviyo.named("vip")
    by_hand(klaviyo, "DELETE", vip["id"], [ids[email_of(one)] for one in who[:7]])
    _delete_all(pipeline.broker.bootstrap, origins)

    result = typed(pipeline, "--apply")

    assert result.exit_code == 0
    assert "7 to repair" in result.stdout
    assert members_of(klaviyo).keys() == ids.keys()


def _delete_all(bootstrap: str, origins: Sequence[Origin]) -> None:
    places = {(one.topic, one.partition) for one in origins}
    gone = [TopicPartition(topic, partition, -1) for topic, partition in places]
    client = admin(bootstrap)
    for done in client.delete_records(gone).values():
        done.result(30)
