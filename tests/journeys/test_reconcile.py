"""The table is compared with a list in Klaviyo and repaired, on a real Kafka."""

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

from agents.admin.reconcile import Reconciler, new_repair_id
from agents.cli import main
from agents.cli.support.settings_options import read_worker
from streams.events.origin import Origin
from tests.brokers.interface import Broker, admin
from tests.journeys.conftest import Say
from tests.journeys.harness import Pipeline, Record
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.sample_events import email_of, moves, profile_of, users
from tests.streams.sandbox.api import HEADERS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

QUOTA_SCALE = 10
"""With Klaviyo's own quotas 500 pages take 45 s, and they are read three times."""

MEMBERS, REMOVED, LEFT, OTHERS = 50_000, 500, 400, 100
ANONYMOUS = 2_000
"""Of the members, those known by a device: the list has only their addresses."""

WITHIN_S = 240.0


@pytest.fixture
def rate_limited_pipeline(
    durable_kafka: Broker, topic_prefix: str, tmp_path: Path
) -> Iterator[Pipeline]:
    """Start a pipeline whose sandbox has quotas."""
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


def run_command(pipeline: Pipeline, *arguments: str) -> Result:
    """Run the command `reconcile`."""
    result = CliRunner().invoke(
        main, ["reconcile", *arguments], env=dict(pipeline.environ)
    )
    assert "Traceback" not in result.output
    return result


def parse_lines(result: Result) -> list[dict[str, Any]]:
    """Parse the JSON lines that a command printed."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def anonymous_records(
    users: Sequence[str], audience: str, *, entered: bool
) -> list[Record]:
    """Build audience events of users without a user id."""
    records: list[Record] = []
    for user, value in moves(users, audience, entered=entered):
        body = orjson.loads(value or b"")
        body["anonymousId"] = body.pop("userId")
        records.append((user, orjson.dumps(body)))
    return records


def change_list_directly(
    klaviyo: Klaviyo, method: str, list_id: str, profile_ids: Sequence[str]
) -> None:
    """Change a list as another tool would."""
    connection = HTTPConnection(urlsplit(klaviyo.url).netloc, timeout=WITHIN_S)
    data = [{"type": "profile", "id": profile_id} for profile_id in profile_ids]
    path = f"/api/lists/{list_id}/relationships/profiles"
    headers = {**HEADERS, "Content-Type": "application/vnd.api+json"}
    with closing(connection):
        connection.request(method, path, orjson.dumps({"data": data}), headers)
        assert connection.getresponse().status == 204


def list_members(klaviyo: Klaviyo) -> dict[str, str]:
    """Return address → profile id of all members of the list."""
    [vip] = klaviyo.named("vip")
    return {member["email"]: member["profile_id"] for member in vip["members"]}


def test_a_thousand_differences_are_found_and_repaired(
    rate_limited_pipeline: Pipeline, say: Say
) -> None:
    """The list has 50,000 members, and the repair touches no other member."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    identified, devices = users("u", MEMBERS - ANONYMOUS), users("device", ANONYMOUS)
    departed = users("left", LEFT)
    entered = [
        *moves([*identified, *departed], "vip", entered=True),
        *anonymous_records(devices, "vip", entered=True),
    ]
    pipeline.await_quiet(pipeline.publish(entered), within_s=WITHIN_S)
    exited = moves(departed, "vip", entered=False, at_s=9)
    pipeline.await_quiet(pipeline.publish(exited), within_s=WITHIN_S)
    members_before = list_members(klaviyo)
    assert len(members_before) == MEMBERS
    removed = [*identified[: REMOVED - 100], *devices[:100]]
    _cause_drift(klaviyo, members_before, removed=removed, departed=departed)
    before = klaviyo.changes()

    began_s = time.monotonic()
    comparison = run_command(pipeline, "--json")
    read_s = time.monotonic() - began_s
    repaired = run_command(pipeline, "--audience", "vip", "--apply")
    repair_s = time.monotonic() - began_s - read_s

    counts, *differences = parse_lines(comparison)
    users_by_kind = {
        kind: {line["user"] for line in differences if line["kind"] == kind}
        for kind in ("missing", "unexpected")
    }
    assert (comparison.exit_code, repaired.exit_code) == (1, 0)
    assert users_by_kind == {"missing": set(removed), "unexpected": set(departed)}
    assert counts["others"] == OTHERS
    unmanaged = {email_of(user) for user in users("other", OTHERS)}
    assert list_members(klaviyo).keys() == members_before.keys() | unmanaged
    after = klaviyo.changes()
    assert after["adds"] - before["adds"] == REMOVED
    assert after["removals"] - before["removals"] == LEFT
    assert run_command(pipeline).exit_code == 0
    for line in repaired.stdout.splitlines():
        say(line)
    say(f"{MEMBERS + OTHERS + LEFT - REMOVED} members read in {read_s:.1f} s")
    say(f"read again and repaired in {repair_s:.1f} s, at {QUOTA_SCALE} x the quotas")


def _cause_drift(
    klaviyo: Klaviyo,
    profile_ids: dict[str, str],
    *,
    removed: Sequence[str],
    departed: Sequence[str],
) -> None:
    """Remove members, add back users who left, and add unmanaged profiles."""
    [vip] = klaviyo.named("vip")
    change_list_directly(
        klaviyo, "DELETE", vip["id"], [profile_ids[email_of(user)] for user in removed]
    )
    profiles = {user["email"]: user["id"] for user in klaviyo.ask("GET", "profiles")}
    returning = [profiles[email_of(user)] for user in departed]
    seeded = [profile_of(user) for user in users("other", OTHERS)]
    unmanaged = klaviyo.ask("POST", "profiles", seeded)["ids"]
    change_list_directly(klaviyo, "POST", vip["id"], [*returning, *unmanaged])


def test_a_live_exit_between_reading_and_repair_wins(
    rate_limited_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repair is older than the exit, so its outcome is `stale`."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    user_ids = users("u", 20)
    pipeline.await_quiet(pipeline.publish(moves(user_ids, "vip", entered=True)))
    ids = list_members(klaviyo)
    [vip] = klaviyo.named("vip")
    change_list_directly(klaviyo, "DELETE", vip["id"], [*ids.values()])
    for name, value in pipeline.environ.items():
        monkeypatch.setenv(name, value)
    reconciler = Reconciler(*read_worker(None), report=lambda _: None)

    list_reports = reconciler.compare()
    pipeline.await_quiet(
        pipeline.publish(moves(user_ids[:5], "vip", entered=False, at_s=60))
    )
    counts = reconciler.repair(list_reports, replay=new_repair_id(), wait=True)

    assert sum(item.differences.repair_count for item in list_reports) == 20
    assert counts == {("delivered", ""): 15, ("discarded", "stale"): 5}
    assert list_members(klaviyo).keys() == {email_of(item) for item in user_ids[5:]}


def test_a_deleted_list_is_created_again_and_filled(
    rate_limited_pipeline: Pipeline,
) -> None:
    """All users inside count as missing on a deleted list."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    user_ids = users("u", 20)
    pipeline.await_quiet(
        pipeline.publish(
            [
                *moves(user_ids, "vip", entered=True),
                *moves(user_ids[:5], "vip", entered=False, at_s=60),
            ]
        )
    )
    [vip] = klaviyo.named("vip")
    klaviyo.ask("DELETE", f"lists/{vip['id']}")

    looked = run_command(pipeline)
    repaired = run_command(pipeline, "--apply")

    assert "deleted in Klaviyo" in looked.stdout
    assert (looked.exit_code, repaired.exit_code) == (1, 0)
    assert list_members(klaviyo).keys() == {email_of(user) for user in user_ids[5:]}
    assert run_command(pipeline).exit_code == 0


def test_a_resync_adds_every_member_again(rate_limited_pipeline: Pipeline) -> None:
    """A resync also removes the members who are outside."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    user_ids = users("u", 20)
    pipeline.await_quiet(pipeline.publish(moves(user_ids, "vip", entered=True)))
    exited = moves(user_ids[:5], "vip", entered=False, at_s=60)
    pipeline.await_quiet(pipeline.publish(exited))
    [vip] = klaviyo.named("vip")
    profiles = {item["email"]: item["id"] for item in klaviyo.ask("GET", "profiles")}
    change_list_directly(klaviyo, "POST", vip["id"], [profiles[email_of(user_ids[0])]])
    before = klaviyo.changes()

    result = run_command(pipeline, "--audience", "vip", "--apply", "--resync")

    after = klaviyo.changes()
    assert result.exit_code == 0
    assert "16 to repair" in result.stdout
    assert after["adds"] - before["adds"] == 15
    assert after["removals"] - before["removals"] == 1
    assert list_members(klaviyo).keys() == {email_of(item) for item in user_ids[5:]}


def test_a_user_without_source_record_is_added_by_user_id(
    rate_limited_pipeline: Pipeline,
) -> None:
    """Retention has deleted the source records, and the table still has the users."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    user_ids = users("u", 20)
    origins = pipeline.publish(moves(user_ids, "vip", entered=True))
    pipeline.await_quiet(origins)
    ids = list_members(klaviyo)
    [vip] = klaviyo.named("vip")
    change_list_directly(
        klaviyo, "DELETE", vip["id"], [ids[email_of(user)] for user in user_ids[:7]]
    )
    _delete_records(pipeline.broker.bootstrap, origins)

    result = run_command(pipeline, "--apply")

    assert result.exit_code == 0
    assert "7 to repair" in result.stdout
    assert list_members(klaviyo).keys() == ids.keys()


def _delete_records(bootstrap: str, origins: Sequence[Origin]) -> None:
    topic_partitions = {(origin.topic, origin.partition) for origin in origins}
    deletions = [
        TopicPartition(topic, partition, -1) for topic, partition in topic_partitions
    ]
    client = admin(bootstrap)
    for deletion in client.delete_records(deletions).values():
        deletion.result(WITHIN_S)
