"""Dead letters are requeued, recreated and discarded, on a real Kafka."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka import TopicPartition

from agents.cli import main
from streams.delivery.verdict import Verdict
from streams.events.canonical_event import Origin
from tests.brokers.interface import admin
from tests.journeys.harness import Pipeline, Record
from tests.journeys.sample_events import START_MS, email_of

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CONNECT = "__connect.errors."


def _write_destination(path: Path, *, email: str = "$.event", signed: str = "") -> Path:
    """Write a destination file with lists from the events, and two wrong mappings."""
    email_field = {"@path": "$.properties.email"}
    list_fields = {"email": email_field, "list_id": {"@path": "$.properties.list"}}
    destination: dict[str, Any] = {
        "settings": {"batch_max_age_s": 0.1},
        "mappings": [
            {
                "action": "addProfileToList",
                "trigger": 'event = "Joined"',
                "fields": list_fields,
            },
            {
                "action": "removeProfileFromList",
                "trigger": 'event = "Left"',
                "fields": list_fields,
            },
            {
                "name": "takes the wrong thing for an address",
                "action": "addProfileToList",
                "trigger": 'event = "Asked"',
                "fields": list_fields | {"email": {"@path": email}},
            },
            {
                "name": "names no list there is",
                "action": "addProfileToList",
                "trigger": 'event = "Signed"',
                "fields": {"email": email_field, "list_id": signed or "Nowhere"},
            },
        ],
    }
    path.write_bytes(orjson.dumps(destination))
    return path


@pytest.fixture(scope="module")
def destination(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the destination file."""
    return tmp_path_factory.mktemp("destination") / "destination.json"


@pytest.fixture(scope="module")
def running(shared: Pipeline, destination: Path) -> Pipeline:
    """Start a pipeline with one worker."""
    return shared.run(destination=_write_destination(destination))


def _list_event(user: str, event: str, list_id: str, *, at_s: int = 0) -> Record:
    body = {
        "type": "track",
        "event": event,
        "userId": user,
        "messageId": f"{user}-{event}-{at_s}",
        "timestamp": START_MS + at_s * 1000,
        "properties": {"email": email_of(user), "list": list_id},
    }
    return user, orjson.dumps(body)


def _next_list(pipeline: Pipeline) -> str:
    """Return the id that the sandbox gives the next list."""
    ids = [int(klaviyo_list["id"][1:]) for klaviyo_list in pipeline.klaviyo.lists()]
    return f"L{max(ids, default=0) + 1:05d}"


def _create_list(pipeline: Pipeline, name: str) -> str:
    [list_id] = pipeline.klaviyo.ask("POST", "lists", [{"name": name}])["ids"]
    return str(list_id)


def _run_command(pipeline: Pipeline, *arguments: str, code: int = 0) -> str:
    command = ["deadletters", *arguments]
    result = CliRunner().invoke(main, command, env=pipeline.environ)
    assert result.exit_code == code, result.output
    return result.output


def _dead_letters_of(pipeline: Pipeline, origin: Origin) -> list[dict[str, Any]]:
    """Return the dead letters of a source record, oldest first."""
    lines = _run_command(pipeline, "show", "--all", "--include-resolved").splitlines()
    dead_letters = [
        line
        for line in map(json.loads, lines)
        if [line["headers"].get(CONNECT + name) for name in ("topic", "partition")]
        == [origin.topic, str(origin.partition)]
        and line["headers"][CONNECT + "offset"] == str(origin.offset)
    ]
    return sorted(dead_letters, key=lambda line: int(line["place"].partition("/")[2]))


def _location_options(pipeline: Pipeline, *origins: Origin) -> list[str]:
    """Return options for the dead letters of the origins, one per origin."""
    locations = [
        dead_letter["place"]
        for origin in origins
        for dead_letter in _dead_letters_of(pipeline, origin)
    ]
    assert len(locations) == len(origins)
    return [option for location in locations for option in ("--at", location)]


def _publish_dead_letters(pipeline: Pipeline, *records: Record) -> list[Origin]:
    """Publish records that become dead letters."""
    origins = pipeline.publish(records)
    pipeline.await_outcomes(origins)
    return origins


def _verdicts(pipeline: Pipeline, origin: Origin) -> list[tuple[str, str, str]]:
    return [
        (
            outcome.stage,
            str(outcome.item.verdict),
            outcome.item.reason.partition(":")[0],
        )
        for outcome in pipeline.outcomes.of[origin]
    ]


def _await_ends(pipeline: Pipeline, origins: list[Origin], *, count: int) -> None:
    """Wait until each origin has a number of outcomes."""

    def met() -> bool:
        pipeline.outcomes.read()
        return all(len(pipeline.outcomes.of[origin]) >= count for origin in origins)

    pipeline.until(met)


def test_a_requeued_dead_letter_is_delivered_once_the_list_exists(
    running: Pipeline,
) -> None:
    """A dry run sends nothing, and a requeued dead letter is no longer listed."""
    [origin] = _publish_dead_letters(
        running, _list_event("ann", "Joined", _next_list(running))
    )
    location_options = _location_options(running, origin)
    dry = _run_command(running, "requeue", *location_options)
    _create_list(running, "Late")

    real = _run_command(running, "requeue", *location_options, "--apply")
    _await_ends(running, [origin], count=2)
    again = _run_command(running, "requeue", *location_options, "--apply", code=1)

    assert "would requeue 1 dead letters" in dry
    assert "requeued 1 dead letters" in real
    assert "requeued 0 dead letters" in again
    assert running.klaviyo.members_of("Late") == [email_of("ann")]
    last = running.outcomes.of[origin][-1]
    assert (last.stage, last.item.verdict) == ("deliver.lists", Verdict.DELIVERED)
    assert f"replay {last.item.replay}" in real
    [dead_letter] = _dead_letters_of(running, origin)
    assert dead_letter["handled"]["action"] == "requeued"
    assert dead_letter["handled"]["replay"] == last.item.replay


def test_a_superseded_change_is_stale_and_sends_nothing(
    running: Pipeline,
) -> None:
    """A user who has left the list since is not added again."""
    list_id = _next_list(running)
    [origin] = _publish_dead_letters(
        running, _list_event("bob", "Joined", list_id, at_s=1)
    )
    _create_list(running, "Left")
    running.await_quiet(running.publish([_list_event("bob", "Left", list_id, at_s=2)]))
    before = len(running.klaviyo.requests())

    _run_command(running, "requeue", *_location_options(running, origin), "--apply")
    _await_ends(running, [origin], count=2)

    assert _verdicts(running, origin)[1:] == [("activate", "discarded", "stale")]
    assert running.klaviyo.members_of("Left") == []
    assert len(running.klaviyo.requests()) == before


def test_requeue_from_source_uses_the_changed_mapping(
    running: Pipeline, destination: Path
) -> None:
    """The activate stage refused the first record; a lane refused the second."""
    list_id = _create_list(running, "Signed")
    origins = _publish_dead_letters(
        running, _list_event("cyd", "Asked", list_id), _list_event("dan", "Signed", "")
    )
    codes = [_dead_letters_of(running, origin)[0]["reason"] for origin in origins]
    running.workers["w0"].stop()
    running.workers["w0"].ended()
    _write_destination(destination, email="$.properties.email", signed=list_id)
    running.start("w0")
    running.await_members(1)

    location_options = _location_options(running, *origins)
    output = _run_command(
        running, "requeue", *location_options, "--from-source", "--apply"
    )
    _await_ends(running, origins, count=2)

    assert codes == ["bad-email", "list-gone"]
    assert "2 read again from the source topic" in output
    assert running.klaviyo.members_of("Signed") == [email_of("cyd"), email_of("dan")]


def test_a_requeued_record_that_fails_again_is_a_new_dead_letter(
    running: Pipeline,
) -> None:
    """The new dead letter has a new offset and no resolution."""
    [origin] = _publish_dead_letters(running, ("eve", b"{"))

    _run_command(running, "requeue", *_location_options(running, origin), "--apply")
    _await_ends(running, [origin], count=2)

    old, new = _dead_letters_of(running, origin)
    assert (old["reason"], new["reason"]) == ("not-json", "not-json")
    assert old["handled"]["action"] == "requeued"
    assert "handled" not in new
    assert old["headers"]["ks.time-ms"] == new["headers"]["ks.time-ms"]


def test_a_discarded_dead_letter_has_an_outcome_and_is_not_listed(
    running: Pipeline,
) -> None:
    """The record gets an outcome, and `--all` still lists the dead letter."""
    [origin] = _publish_dead_letters(running, ("fay", b"\xff"))
    location_options = _location_options(running, origin)
    one_location = [
        "--reason",
        _dead_letters_of(running, origin)[0]["reason"],
        *location_options,
    ]
    before = _run_command(running, "show", *one_location)

    dry = _run_command(running, "discard", *one_location)
    real = _run_command(
        running, "discard", *one_location, "--note", "a test", "--apply"
    )
    _await_ends(running, [origin], count=2)

    assert before
    assert "would discard 1" in dry
    assert "discarded 1" in real
    [dead_letter] = _dead_letters_of(running, origin)
    assert dead_letter["handled"]["note"] == "a test"
    assert _verdicts(running, origin)[1:] == [
        ("deadletters", "discarded", "discarded-by-operator")
    ]
    code = dead_letter["reason"]
    remaining = _counts_by_reason(running)
    assert (
        _counts_by_reason(running, "--all").get(code, 0) == remaining.get(code, 0) + 1
    )


def _counts_by_reason(pipeline: Pipeline, *options: str) -> dict[str, int]:
    lines = _run_command(pipeline, "list", "--json", *options).splitlines()
    return {line["reason"]: line["count"] for line in map(json.loads, lines)}


def test_an_expired_source_record_is_reported(
    running: Pipeline,
) -> None:
    """The dead letter keeps waiting for a resolution."""
    [origin] = _publish_dead_letters(running, ("gus", b"["))
    client = admin(running.settings.kafka_bootstrap_servers)
    end = TopicPartition(origin.topic, origin.partition, origin.offset + 1)
    for deletion in client.delete_records([end]).values():
        deletion.result()

    location_options = _location_options(running, origin)
    output = _run_command(
        running, "requeue", *location_options, "--from-source", "--apply", code=1
    )

    assert "requeued 0 dead letters" in output
    assert "cannot requeue 1, source-expired" in output
    assert "handled" not in _dead_letters_of(running, origin)[0]


def test_a_foreign_record_is_listed_as_unreadable(
    running: Pipeline,
) -> None:
    """A foreign record can be discarded, but not requeued."""
    topic = running.settings.topics.deadletters
    [origin] = running.publish([("x", b"not ours")], topic=topic)
    topic_offset = f"{origin.partition}/{origin.offset}"

    listed = _counts_by_reason(running)
    output = _run_command(running, "requeue", "--at", topic_offset, "--apply", code=1)
    _run_command(running, "discard", "--at", topic_offset, "--apply")

    assert listed["unreadable"] == 1
    assert "cannot requeue 1, origin-unknown" in output
    assert "unreadable" not in _counts_by_reason(running)
    _await_ends(running, [origin], count=1)
