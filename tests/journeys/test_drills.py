"""The drills of deploy/RUNBOOK.md, as written there, under the load of a shop.

Every drill continues the load of the drills before, and ends with lists, profiles,
events and consents equal to what all published events require.
"""

import shutil
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime

import orjson
import pytest
from confluent_kafka.admin import AdminClient

from agents.demo.workload.generator import WorkloadShape
from streams.events.canonical_event import Origin
from tests.brokers.interface import admin
from tests.journeys.commands import command
from tests.journeys.conftest import Say
from tests.journeys.harness import SHORTEST_SESSION_S, WITHIN_S, Pipeline, Record
from tests.journeys.sample_events import START_MS, email_of
from tests.journeys.shop_day import ShopDay, dead_letter_reasons
from tests.journeys.topics import Tail

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RECORDS_PER_PART = 700
SHAPE = WorkloadShape(
    events=30 * RECORDS_PER_PART,
    users=2 * RECORDS_PER_PART,
    audiences=("vip", "cart"),
    other=0.5,
    orders=0.3,
    consents=0.05,
)
WORKERS = 2
BACKUP_INTERVAL_S = 7.0
"""Positions are noted every 5 s."""


@pytest.fixture(scope="module")
def workload(shared: Pipeline) -> ShopDay:
    """Return the load that every drill continues."""
    workload = ShopDay(shared, SHAPE, seed=20_26)
    shared.run(workers=WORKERS, session_timeout_s=SHORTEST_SESSION_S)
    shared.await_quiet(workload.publish(RECORDS_PER_PART))
    return workload


def _stop_workers(pipeline: Pipeline) -> None:
    """Stop all workers in order."""
    for worker in pipeline.workers.values():
        worker.stop()
    assert {worker.ended() for worker in pipeline.workers.values()} == {0}


def _start_stopped_workers(pipeline: Pipeline) -> None:
    for name, worker in list(pipeline.workers.items()):
        if worker.code is not None:
            pipeline.start(name)
    pipeline.await_members(WORKERS)


def _count_consent_requests(request_counts: Counter[str]) -> int:
    return sum(
        count
        for name, count in request_counts.items()
        if "profile-subscription" in name or "profile-suppression" in name
    )


def _assert_correct(workload: ShopDay, origins: list[Origin]) -> None:
    workload.pipeline.await_quiet(origins, within_s=WITHIN_S)
    assert dead_letter_reasons(workload.pipeline, origins) == {}
    assert workload.wrong() == []


def test_a_workers_disk_is_lost(workload: ShopDay) -> None:
    """The table is restored from the changelog, and no update is sent twice."""
    pipeline = workload.pipeline
    origins = workload.publish(RECORDS_PER_PART)
    worker = pipeline.workers["w0"]

    worker.kill()
    shutil.rmtree(pipeline.home / "w0")
    pipeline.start("w0")
    origins += workload.publish(RECORDS_PER_PART)

    _assert_correct(workload, origins)
    assert pipeline.workers["w0"].events("table_recovered")


def test_the_changelog_topic_is_lost(workload: ShopDay, say: Say) -> None:
    """The table is rebuilt from the source topic, and Klaviyo gets no call."""
    pipeline = workload.pipeline
    _stop_workers(pipeline)
    requests_before, changes_before = (
        pipeline.klaviyo.asked(),
        pipeline.klaviyo.changes(),
    )
    _recreate_topic(pipeline, pipeline.settings.topics.memberships_changelog)
    worker = pipeline.start("w0")  # has every partition, so also those it had before
    pipeline.until(lambda: worker.events("table_wiped"))
    _start_stopped_workers(pipeline)

    output = command("replay", "--mode", "rebuild", "--apply", environ=pipeline.environ)
    audience_counts = command("audiences", environ=pipeline.environ)

    say(f"rebuilt: {output.splitlines()[1:]}")
    assert "discarded rebuilt" in output
    assert "vip" in audience_counts
    assert pipeline.klaviyo.changes() == changes_before
    assert _count_consent_requests(pipeline.klaviyo.asked() - requests_before) == 0
    _assert_correct(workload, workload.publish(RECORDS_PER_PART))


def _recreate_topic(pipeline: Pipeline, topic: str) -> None:
    """Delete a topic, and create it with `klaviyo-streams topics`."""
    client: AdminClient = admin(pipeline.broker.bootstrap)
    client.delete_topics([topic])[topic].result(WITHIN_S)
    pipeline.until(lambda: topic not in client.list_topics(timeout=60).topics)
    command("topics", environ=pipeline.environ)


def test_the_offsets_of_all_groups_are_lost(workload: ShopDay, say: Say) -> None:
    """Workers continue at the backed-up offsets: no list or consent is sent twice.

    The backup has offsets that another worker committed: that worker was killed before
    its own backup.
    """
    pipeline = workload.pipeline
    for worker in pipeline.workers.values():
        worker.kill()
    _recreate_topic(pipeline, pipeline.settings.topics.offset_backup)
    _start_stopped_workers(pipeline)
    _await_backup(pipeline)
    _stop_workers(pipeline)
    requests_before, changes = pipeline.klaviyo.asked(), pipeline.klaviyo.changes()
    client: AdminClient = admin(pipeline.broker.bootstrap)
    groups = [group.name for group in pipeline.groups.values()]
    for deleted in client.delete_consumer_groups(groups).values():
        deleted.result(WITHIN_S)
    _start_stopped_workers(pipeline)
    pipeline.until(lambda: _count_restored(pipeline))
    pipeline.watch(BACKUP_INTERVAL_S)

    new_requests = pipeline.klaviyo.asked() - requests_before
    restored = _count_restored(pipeline)
    say(f"{restored} positions restored; requests since: {dict(new_requests)}")
    assert restored
    assert pipeline.klaviyo.changes() == changes
    assert _count_consent_requests(new_requests) == 0
    _assert_correct(workload, workload.publish(RECORDS_PER_PART))


def _await_backup(pipeline: Pipeline) -> None:
    """Wait until every committed offset is on the backup topic."""
    settings, keys = pipeline.settings, set[bytes]()
    committed = sum(group.committed_partitions for group in pipeline.groups.values())
    backup = Tail(settings.kafka_bootstrap_servers, settings.topics.offset_backup)

    def is_complete() -> bool:
        keys.update(message.key() for message in backup.read())
        return len(keys) >= committed

    with closing(backup):
        pipeline.until(is_complete)


def _count_restored(pipeline: Pipeline) -> int:
    workers = pipeline.workers.values()
    return sum(len(worker.events("offset_restored")) for worker in workers)


def test_a_list_is_deleted_by_hand(workload: ShopDay) -> None:
    """A replay sends the last write of each member again, which recreates the list."""
    pipeline = workload.pipeline
    [deleted_list] = pipeline.klaviyo.named("vip")
    pipeline.klaviyo.ask("DELETE", f"lists/{deleted_list['id']}")

    command(
        *("replay", "--audience", "vip", "--mode", "again", "--apply"),
        environ=pipeline.environ,
    )

    _assert_correct(workload, workload.publish(RECORDS_PER_PART))
    assert pipeline.klaviyo.named("vip")[0]["id"] != deleted_list["id"]


def test_the_api_key_is_revoked_and_renewed(workload: ShopDay) -> None:
    """Lanes wait and log why; with the new key, workers continue at their offsets."""
    pipeline = workload.pipeline
    pipeline.klaviyo.fail("unauthorized")
    origins = workload.publish(RECORDS_PER_PART)
    pipeline.until(lambda: pipeline.klaviyo.struck() > 5)
    _stop_workers(pipeline)
    pipeline.klaviyo.mend()

    _start_stopped_workers(pipeline)

    _assert_correct(workload, origins)


def test_a_whole_day_is_published_twice(workload: ShopDay, say: Say) -> None:
    """The same events at new offsets change no list or consent, and add no event."""
    pipeline = workload.pipeline
    requests_before, changes = pipeline.klaviyo.asked(), pipeline.klaviyo.changes()

    origins = workload.publish_again()
    pipeline.await_quiet(origins, within_s=WITHIN_S)

    new_requests = pipeline.klaviyo.asked() - requests_before
    say(f"{len(origins)} records again; requests: {dict(new_requests)}")
    assert pipeline.klaviyo.changes() == changes
    assert _count_consent_requests(new_requests) == 0
    _assert_correct(workload, origins)


BAD_DESTINATION = """
mappings:
  - action: upsertProfile
    fields: {first_name: {"@path": $.traits.wrong}}
  - action: addProfileToList
    trigger: type = "track" and event = "Joined"
    fields:
      email: {"@path": $.properties.nothing}
      external_id: {"@path": $.properties.nothing}
      list_id: LIST
"""
GOOD_DESTINATION = BAD_DESTINATION.replace(
    "$.traits.wrong", "$.traits.firstName"
).replace("$.properties.nothing", "$.properties.email", 1)


def _identify_events(users: list[str], name: str, *, at_s: int) -> list[Record]:
    return [
        _source_event(user, at_s, type="identify", traits={"firstName": name})
        for user in users
    ]


def _join_events(users: list[str]) -> list[Record]:
    event_fields = {"type": "track", "event": "Joined"}
    return [
        _source_event(user, 1, properties={"email": email_of(user)}, **event_fields)
        for user in users
    ]


def _source_event(user: str, at_s: int, **body: object) -> Record:
    fields = {
        "userId": user,
        "messageId": f"{user}-{at_s}",
        "timestamp": START_MS + at_s * 1000,
    }
    return (user, orjson.dumps(fields | body))


def _now_iso() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def test_a_bad_mapping_ran_for_an_hour(pipeline: Pipeline) -> None:
    """A replay of that hour with the fixed mapping keeps what came after."""
    [list_id] = pipeline.klaviyo.ask("POST", "lists", [{"name": "Club"}])["ids"]
    file = pipeline.home / "destination.yaml"
    file.write_text(BAD_DESTINATION.replace("LIST", list_id))
    pipeline.run(destination=file)
    user_ids = [f"p-{number}" for number in range(40)]
    since = _now_iso()
    origins = pipeline.publish(
        [*_identify_events(user_ids, "right", at_s=0), *_join_events(user_ids)]
    )
    pipeline.await_quiet(origins)
    assert len(dead_letter_reasons(pipeline, origins)) == len(user_ids)
    group_line = command("deadletters", "list", "--json", environ=pipeline.environ)
    group = orjson.loads(group_line)

    pipeline.workers["w0"].stop()
    pipeline.workers["w0"].ended()
    file.write_text(GOOD_DESTINATION.replace("LIST", list_id))
    until = _now_iso()
    pipeline.start("w0")
    newer = pipeline.publish(_identify_events(user_ids[:10], "newer", at_s=60))
    pipeline.await_quiet(newer)
    output = command(
        *("replay", "--since", since, "--until", until, "--apply"),
        environ=pipeline.environ,
    )
    pipeline.await_quiet([*origins, *newer])
    command(
        *("deadletters", "discard", "--stage", "activate", "--reason", group["reason"]),
        *("--since", since, "--until", until, "--apply"),
        environ=pipeline.environ,
    )

    remaining = command("deadletters", "list", environ=pipeline.environ)
    assert (group["count"], remaining) == (len(user_ids), "no dead letters\n")
    profiles = pipeline.klaviyo.ask("GET", "profiles")
    names = Counter(
        profile["first_name"] for profile in profiles if profile["external_id"]
    )
    assert f"published: {len(origins)};" in output
    assert names == {"right": 30, "newer": 10}
    assert pipeline.klaviyo.members_of("Club") == sorted(map(email_of, user_ids))
