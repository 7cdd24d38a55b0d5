"""The drills of deploy/RUNBOOK.md, each as it is written there, under a shop's day.

Every drill goes on with the day of those before it, and ends with lists, profiles,
events and consents equal to the truth of all that was published.
"""

import shutil
from collections import Counter
from datetime import UTC, datetime

import orjson
import pytest
from confluent_kafka.admin import AdminClient

from agents.demo.workload import Shape
from streams.events.origin import Origin
from tests.brokers.face import admin
from tests.journeys.commands import command
from tests.journeys.conftest import Say
from tests.journeys.events import START_MS, email_of
from tests.journeys.harness import SHORTEST_SESSION_S, WITHIN_S, Pipeline, Record
from tests.journeys.shop import Day, dead

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

PART = 700
SHAPE = Shape(
    events=30 * PART,
    users=2 * PART,
    audiences=("vip", "cart"),
    other=0.5,
    orders=0.3,
    consents=0.05,
)
WORKERS = 2
NOTED_S = 7.0
"""Positions are noted every 5 s."""


@pytest.fixture(scope="module")
def day(shared: Pipeline) -> Day:
    """A day that every drill goes on with."""
    day = Day(shared, SHAPE, seed=20_26)
    shared.run(workers=WORKERS, session_timeout_s=SHORTEST_SESSION_S)
    shared.await_quiet(day.publish(PART))
    return day


def _stop(pipeline: Pipeline) -> None:
    """All workers, in order."""
    for worker in pipeline.workers.values():
        worker.stop()
    assert {worker.ended() for worker in pipeline.workers.values()} == {0}


def _start(pipeline: Pipeline) -> None:
    for name, worker in list(pipeline.workers.items()):
        if worker.code is not None:
            pipeline.start(name)
    pipeline.await_members(WORKERS)


def _consents(asked: Counter[str]) -> int:
    return sum(
        count
        for name, count in asked.items()
        if "profile-subscription" in name or "profile-suppression" in name
    )


def _judge(day: Day, origins: list[Origin]) -> None:
    day.pipeline.await_quiet(origins, within_s=2 * WITHIN_S)
    assert dead(day.pipeline, origins) == {}
    assert day.wrong() == []


def test_a_workers_disk_is_lost(day: Day) -> None:
    """Its table comes back from the changelog; nothing is told again."""
    pipeline = day.pipeline
    origins = day.publish(PART)
    worker = pipeline.workers["w0"]

    worker.kill()
    shutil.rmtree(pipeline.home / "w0")
    pipeline.start("w0")
    origins += day.publish(PART)

    _judge(day, origins)
    assert pipeline.workers["w0"].events("table_recovered")


def test_the_changelog_topic_is_lost(day: Day, say: Say) -> None:
    """The table is rebuilt from the source topic, and Klaviyo hears nothing of it."""
    pipeline = day.pipeline
    _stop(pipeline)
    asked, changes = pipeline.klaviyo.asked(), pipeline.klaviyo.changes()
    _made_anew(pipeline, pipeline.settings.topics.memberships_changelog)
    alone = pipeline.start("w0")  # has every partition, so also those it had before
    pipeline.until(lambda: alone.events("table_wiped"))
    _start(pipeline)

    said = command("replay", "--mode", "rebuild", "--apply", environ=pipeline.environ)
    counted = command("audiences", environ=pipeline.environ)

    say(f"rebuilt: {said.splitlines()[1:]}")
    assert "discarded rebuilt" in said
    assert "vip" in counted
    assert pipeline.klaviyo.changes() == changes
    assert _consents(pipeline.klaviyo.asked() - asked) == 0
    _judge(day, day.publish(PART))


def _made_anew(pipeline: Pipeline, topic: str) -> None:
    """Delete a topic, and let `klaviyo-streams topics` make it."""
    client: AdminClient = admin(pipeline.broker.bootstrap)
    client.delete_topics([topic])[topic].result(30)
    pipeline.until(lambda: topic not in client.list_topics(timeout=5).topics)
    command("topics", environ=pipeline.environ)


def test_the_offsets_of_all_groups_are_lost(day: Day, say: Say) -> None:
    """Workers go on where they were: no list, no consent is told a second time.

    They noted what they found in Kafka: who committed it was killed before noting it.
    """
    pipeline = day.pipeline
    for worker in pipeline.workers.values():
        worker.kill()
    _made_anew(pipeline, pipeline.settings.topics.positions)
    _start(pipeline)
    pipeline.watch(NOTED_S)
    _stop(pipeline)
    asked, changes = pipeline.klaviyo.asked(), pipeline.klaviyo.changes()
    client: AdminClient = admin(pipeline.broker.bootstrap)
    groups = [group.name for group in pipeline.groups.values()]
    for deleted in client.delete_consumer_groups(groups).values():
        deleted.result(30)
    _start(pipeline)
    pipeline.watch(NOTED_S)

    news = pipeline.klaviyo.asked() - asked
    restored = sum(
        len(worker.events("position_restored")) for worker in pipeline.workers.values()
    )
    say(f"{restored} positions restored; requests since: {dict(news)}")
    assert restored
    assert pipeline.klaviyo.changes() == changes
    assert _consents(news) == 0
    _judge(day, day.publish(PART))


def test_a_list_is_deleted_by_hand(day: Day) -> None:
    """What is still the last word of its audience is told again: the list is back."""
    pipeline = day.pipeline
    [gone] = pipeline.klaviyo.named("vip")
    pipeline.klaviyo.ask("DELETE", f"lists/{gone['id']}")

    command(
        *("replay", "--audience", "vip", "--mode", "again", "--apply"),
        environ=pipeline.environ,
    )

    _judge(day, day.publish(PART))
    assert pipeline.klaviyo.named("vip")[0]["id"] != gone["id"]


def test_the_api_key_is_revoked_and_renewed(day: Day) -> None:
    """Lanes wait and say why; with the new key, workers go on where they were."""
    pipeline = day.pipeline
    pipeline.klaviyo.fail("unauthorized")
    origins = day.publish(PART)
    pipeline.until(lambda: pipeline.klaviyo.struck() > 5)
    _stop(pipeline)
    pipeline.klaviyo.mend()

    _start(pipeline)

    _judge(day, origins)


def test_a_whole_day_is_published_twice(day: Day, say: Say) -> None:
    """New offsets, the same events: no list change, no consent, no event twice."""
    pipeline = day.pipeline
    asked, changes = pipeline.klaviyo.asked(), pipeline.klaviyo.changes()

    origins = day.publish_again()
    pipeline.await_quiet(origins, within_s=2 * WITHIN_S)

    news = pipeline.klaviyo.asked() - asked
    say(f"{len(origins)} records again; requests: {dict(news)}")
    assert pipeline.klaviyo.changes() == changes
    assert _consents(news) == 0
    _judge(day, origins)


BAD = """
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
GOOD = BAD.replace("$.traits.wrong", "$.traits.firstName").replace(
    "$.properties.nothing", "$.properties.email", 1
)


def _named(users: list[str], name: str, *, at_s: int) -> list[Record]:
    return [
        _said(user, at_s, type="identify", traits={"firstName": name}) for user in users
    ]


def _joined(users: list[str]) -> list[Record]:
    told = {"type": "track", "event": "Joined"}
    return [
        _said(user, 1, properties={"email": email_of(user)}, **told) for user in users
    ]


def _said(user: str, at_s: int, **body: object) -> Record:
    told = {
        "userId": user,
        "messageId": f"{user}-{at_s}",
        "timestamp": START_MS + at_s * 1000,
    }
    return (user, orjson.dumps(told | body))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def test_a_bad_mapping_ran_for_an_hour(pipeline: Pipeline) -> None:
    """It is mended, and that hour is replayed: what was done since stays."""
    [made] = pipeline.klaviyo.ask("POST", "lists", [{"name": "Club"}])["ids"]
    file = pipeline.home / "destination.yaml"
    file.write_text(BAD.replace("LIST", made))
    pipeline.run(destination=file)
    people = [f"p-{number}" for number in range(40)]
    since = _now()
    origins = pipeline.publish([*_named(people, "right", at_s=0), *_joined(people)])
    pipeline.await_quiet(origins)
    assert len(dead(pipeline, origins)) == len(people)
    refused = command("deadletters", "list", "--json", environ=pipeline.environ)
    group = orjson.loads(refused)

    pipeline.workers["w0"].stop()
    pipeline.workers["w0"].ended()
    file.write_text(GOOD.replace("LIST", made))
    until = _now()
    pipeline.start("w0")
    newer = pipeline.publish(_named(people[:10], "newer", at_s=60))
    pipeline.await_quiet(newer)
    said = command(
        *("replay", "--since", since, "--until", until, "--apply"),
        environ=pipeline.environ,
    )
    pipeline.await_quiet([*origins, *newer])
    command(
        *("deadletters", "discard", "--stage", "activate", "--reason", group["reason"]),
        *("--since", since, "--until", until, "--apply"),
        environ=pipeline.environ,
    )

    left = command("deadletters", "list", environ=pipeline.environ)
    assert (group["count"], left) == (len(people), "no dead letters\n")
    profiles = pipeline.klaviyo.ask("GET", "profiles")
    names = Counter(one["first_name"] for one in profiles if one["external_id"])
    assert f"taken in: {len(origins)};" in said
    assert names == {"right": 30, "newer": 10}
    assert pipeline.klaviyo.members_of("Club") == sorted(map(email_of, people))
