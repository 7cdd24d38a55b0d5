"""A table moved to another cluster: what was told there is told to nobody twice."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from tests.brokers.face import Broker
from tests.journeys.events import START_MS, email_of, moves, users
from tests.journeys.harness import Pipeline, Record

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

WHO = users("moved", 30)
PARTITIONS = 7
"""Of the new cluster; the old one has 4."""

SIGNED_MS = START_MS + 6_000


def _said(user: str, event: str, *, at_ms: int) -> Record:
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
    *moves(WHO, "vip", entered=True, at_s=1),
    *moves(WHO[:10], "vip", entered=False, at_s=2),
    *moves(WHO[5:15], "lapsed", entered=True, at_s=3),
    *(_said(user, "User Subscribed", at_ms=SIGNED_MS) for user in WHO[20:]),
]


def _typed(pipeline: Pipeline, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["audiences", *arguments], env=pipeline.environ)


def _counts(pipeline: Pipeline) -> list[dict[str, object]]:
    return [json.loads(line) for line in _typed(pipeline).stdout.splitlines()]


@pytest.fixture
def new(
    pipeline: Pipeline, durable_kafka: Broker, tmp_path: Path
) -> Iterator[Pipeline]:
    """Another cluster, as its workers see it: other topics, other partitions."""
    prefix = f"new-{pipeline.settings.topic_prefix}"
    home = tmp_path / "new"
    home.mkdir()
    with closing(
        Pipeline(durable_kafka, klaviyo=pipeline.klaviyo, prefix=prefix, home=home)
    ) as new:
        yield new
    new.check_logs()


@pytest.mark.parametrize("name", ["all.jsonl", "all.parquet"])
def test_a_move_tells_nobody_twice(
    pipeline: Pipeline, new: Pipeline, tmp_path: Path, name: str
) -> None:
    """The same records once more change nothing there; what is new does."""
    file, klaviyo = str(tmp_path / name), pipeline.klaviyo
    pipeline.run()
    pipeline.await_quiet(pipeline.publish(RECORDS))
    pipeline.workers["w0"].stop()
    pipeline.workers["w0"].ended()
    exported = _typed(pipeline, "export", file)
    before, consents = klaviyo.changes(), _subscriptions(pipeline)

    _made(new)
    dry = _typed(new, "import", file)
    applied = _typed(new, "import", file, "--apply")
    again = _typed(new, "import", file)
    new.run()
    new.await_quiet(new.publish(RECORDS))

    assert [exported.exit_code, dry.exit_code] == [0, 0], dry.output
    assert applied.exit_code == 0, applied.output
    assert "to write: 30 rows, 2 audiences, 30 members, 2 pairings" in dry.stdout
    assert "written: 30 rows, 2 audiences, 30 members, 2 pairings" in applied.stdout
    assert "to write: 0 rows, 0 audiences, 0 members, 0 pairings" in again.stdout
    assert _counts(new) == _counts(pipeline)
    assert (klaviyo.changes(), _subscriptions(pipeline)) == (before, consents)
    assert consents > 0

    new.await_quiet(new.publish(moves(WHO[10:12], "vip", entered=False, at_s=9)))

    assert klaviyo.changes()["removals"] == before["removals"] + 2
    assert klaviyo.members_of("vip") == sorted(map(email_of, WHO[12:]))


def test_an_import_beside_workers_is_refused(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """They would never read it, and have newer rows behind which it could land."""
    file = str(tmp_path / "all.jsonl")
    pipeline.run()
    pipeline.await_quiet(pipeline.publish(moves(WHO, "vip", entered=True)))
    exported = _typed(pipeline, "export", file, "--force")
    ran = [_typed(pipeline, "import", file, *options) for options in ([], ["--apply"])]

    assert exported.exit_code == 0
    assert [one.exit_code for one in ran] == [0, 1], [one.output for one in ran]
    assert all("stop the workers first" in one.output for one in ran)


def test_an_export_while_records_wait_is_refused(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """What waits on a lane is in the table already, and would be told to nobody."""
    file = tmp_path / "all.jsonl"
    pipeline.run()
    pipeline.klaviyo.fail("unauthorized")
    pipeline.publish(moves(WHO, "vip", entered=True))
    pipeline.until(lambda: _counts(pipeline) != [])
    pipeline.workers["w0"].stop()
    pipeline.workers["w0"].ended()

    refused = _typed(pipeline, "export", str(file))
    forced = _typed(pipeline, "export", str(file), "--force")

    assert [refused.exit_code, forced.exit_code] == [1, 0]
    for result in (refused, forced):
        assert "stop producers, let workers finish" in result.output
    assert "deliver.lists has " in refused.output
    assert file.exists()


def test_a_newer_word_there_stays(pipeline: Pipeline, new: Pipeline) -> None:
    """And the table a worker has on its disk learns the rest when it starts again."""
    told = moves(WHO, "vip", entered=True, at_s=1)
    pipeline.run()
    pipeline.await_quiet(pipeline.publish(told))
    exported = _typed(pipeline, "export", "-", "--force")
    new.run()
    origins = new.publish(moves(WHO[:3], "vip", entered=False, at_s=2))
    new.await_quiet(origins)
    new.workers["w0"].stop()
    new.workers["w0"].ended()

    applied = CliRunner().invoke(
        main,
        ["audiences", "import", "-", "--apply"],
        env=new.environ,
        input=exported.stdout_bytes,
    )

    assert "written: 30 rows, 1 audiences, 27 members" in applied.stdout
    assert _counts(new) == [{"audience": "vip", "inside": 27, "left": 3}]

    before = new.klaviyo.changes()
    new.start("w0")
    new.await_quiet(new.publish(told))

    assert new.klaviyo.changes() == before


def _made(new: Pipeline) -> None:
    """Make the topics of a new cluster, with more partitions."""
    environ = {**new.environ, "KLAVIYO_STREAMS_TOPIC_PARTITIONS": str(PARTITIONS)}
    result = CliRunner().invoke(main, ["topics"], env=environ)
    assert f"memberships-changelog\t{PARTITIONS} partitions" in result.output


def _subscriptions(pipeline: Pipeline) -> int:
    path = "/api/profile-subscription-bulk-create-jobs"
    return len(pipeline.klaviyo.requests("POST", path))
