"""A table moves to another cluster, and no update is sent twice."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from tests.brokers.interface import Broker
from tests.journeys.harness import Pipeline, Record
from tests.journeys.sample_events import START_MS, email_of, moves, users

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

USERS = users("moved", 30)
PARTITIONS = 7
"""Of the new cluster; the old one has 4."""

SIGNUP_TIME_MS = START_MS + 6_000


def _source_event(user: str, event: str, *, at_ms: int) -> Record:
    body = {
        "type": "track",
        "event": event,
        "userId": user,
        "messageId": f"{user}-{event}",
        "timestamp": at_ms,
        "properties": {"email": email_of(user)},
        "context": {"traits": {"email": email_of(user)}},
    }
    return user, orjson.dumps(body)


RECORDS = [
    *moves(USERS, "vip", entered=True, at_s=1),
    *moves(USERS[:10], "vip", entered=False, at_s=2),
    *moves(USERS[5:15], "lapsed", entered=True, at_s=3),
    *(
        _source_event(user, "User Subscribed", at_ms=SIGNUP_TIME_MS)
        for user in USERS[20:]
    ),
]


def _run_command(pipeline: Pipeline, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["audiences", *arguments], env=pipeline.environ)


def _audience_counts(pipeline: Pipeline) -> list[dict[str, object]]:
    return [json.loads(line) for line in _run_command(pipeline).stdout.splitlines()]


@pytest.fixture
def new_cluster(
    pipeline: Pipeline, durable_kafka: Broker, tmp_path: Path
) -> Iterator[Pipeline]:
    """Build a cluster as workers see one: other topics, other partitions."""
    prefix = f"new-{pipeline.settings.topic_prefix}"
    home = tmp_path / "new"
    home.mkdir()
    with closing(
        Pipeline(durable_kafka, klaviyo=pipeline.klaviyo, prefix=prefix, home=home)
    ) as new_cluster:
        yield new_cluster
    new_cluster.check_logs()


@pytest.mark.parametrize("name", ["all.jsonl", "all.parquet"])
def test_an_export_and_import_repeats_no_call(
    pipeline: Pipeline, new_cluster: Pipeline, tmp_path: Path, name: str
) -> None:
    """The same records change nothing in the new cluster; new records do."""
    file, klaviyo = str(tmp_path / name), pipeline.klaviyo
    pipeline.run()
    pipeline.await_quiet(pipeline.publish(RECORDS))
    pipeline.workers["w0"].stop()
    pipeline.workers["w0"].ended()
    exported = _run_command(pipeline, "export", file)
    before, consents = klaviyo.changes(), _count_subscriptions(pipeline)

    _create_topics(new_cluster)
    dry = _run_command(new_cluster, "import", file)
    applied = _run_command(new_cluster, "import", file, "--apply")
    again = _run_command(new_cluster, "import", file)
    new_cluster.run()
    new_cluster.await_quiet(new_cluster.publish(RECORDS))

    assert [exported.exit_code, dry.exit_code] == [0, 0], dry.output
    assert applied.exit_code == 0, applied.output
    assert "to write: 30 users, 2 audiences, 30 members, 2 list mappings" in dry.stdout
    assert (
        "written: 30 users, 2 audiences, 30 members, 2 list mappings" in applied.stdout
    )
    assert "to write: 0 users, 0 audiences, 0 members, 0 list mappings" in again.stdout
    assert _audience_counts(new_cluster) == _audience_counts(pipeline)
    assert (klaviyo.changes(), _count_subscriptions(pipeline)) == (before, consents)
    assert consents > 0

    new_cluster.await_quiet(
        new_cluster.publish(moves(USERS[10:12], "vip", entered=False, at_s=9))
    )

    assert klaviyo.changes()["removals"] == before["removals"] + 2
    assert klaviyo.members_of("vip") == sorted(map(email_of, USERS[12:]))


def test_an_import_beside_workers_is_refused(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """Workers would never read the entries, and could have written newer ones."""
    file = str(tmp_path / "all.jsonl")
    pipeline.run()
    pipeline.await_quiet(pipeline.publish(moves(USERS, "vip", entered=True)))
    exported = _run_command(pipeline, "export", file, "--force")
    results = [
        _run_command(pipeline, "import", file, *options)
        for options in ([], ["--apply"])
    ]

    assert exported.exit_code == 0
    assert [result.exit_code for result in results] == [0, 1], [
        result.output for result in results
    ]
    assert all("stop the workers first" in result.output for result in results)


def test_an_export_while_records_wait_is_refused(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """A record that waits on a lane is in the table, and would never be sent."""
    file = tmp_path / "all.jsonl"
    pipeline.run()
    pipeline.klaviyo.fail("unauthorized")
    pipeline.publish(moves(USERS, "vip", entered=True))
    pipeline.until(lambda: _audience_counts(pipeline) != [])
    pipeline.workers["w0"].stop()
    pipeline.workers["w0"].ended()

    refused = _run_command(pipeline, "export", str(file))
    forced = _run_command(pipeline, "export", str(file), "--force")

    assert [refused.exit_code, forced.exit_code] == [1, 0]
    for result in (refused, forced):
        assert "deliver.lists has 30 pending records" in result.output
    assert "stop the producers and let the workers finish" in refused.output
    assert file.exists()


def test_a_newer_write_of_the_target_stays(
    pipeline: Pipeline, new_cluster: Pipeline
) -> None:
    """A table on a worker's disk gets the imported entries at the next start."""
    records = moves(USERS, "vip", entered=True, at_s=1)
    pipeline.run()
    pipeline.await_quiet(pipeline.publish(records))
    exported = _run_command(pipeline, "export", "-", "--force")
    new_cluster.run()
    origins = new_cluster.publish(moves(USERS[:3], "vip", entered=False, at_s=2))
    new_cluster.await_quiet(origins)
    new_cluster.workers["w0"].stop()
    new_cluster.workers["w0"].ended()

    applied = CliRunner().invoke(
        main,
        ["audiences", "import", "-", "--apply"],
        env=new_cluster.environ,
        input=exported.stdout_bytes,
    )

    assert "written: 30 users, 1 audiences, 27 members" in applied.stdout
    assert _audience_counts(new_cluster) == [
        {"audience": "vip", "inside": 27, "left": 3}
    ]

    before = new_cluster.klaviyo.changes()
    new_cluster.start("w0")
    new_cluster.await_quiet(new_cluster.publish(records))

    assert new_cluster.klaviyo.changes() == before


def _create_topics(new_cluster: Pipeline) -> None:
    """Create the topics of a new cluster, with more partitions."""
    environ = {
        **new_cluster.environ,
        "KLAVIYO_STREAMS_TOPIC_PARTITIONS": str(PARTITIONS),
    }
    result = CliRunner().invoke(main, ["topics"], env=environ)
    assert f"memberships-changelog\t{PARTITIONS} partitions" in result.output


def _count_subscriptions(pipeline: Pipeline) -> int:
    path = "/api/profile-subscription-bulk-create-jobs"
    return len(pipeline.klaviyo.requests("POST", path))
