"""Dead letters sent again, made anew, and put away, on a real Kafka."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka import TopicPartition

from agents.cli import main
from streams.delivery.verdict import Verdict
from streams.events.origin import Origin
from tests.brokers.face import admin
from tests.journeys.events import START_MS, email_of
from tests.journeys.harness import Pipeline, Record

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CONNECT = "__connect.errors."


def _file(path: Path, *, email: str = "$.event", signed: str = "") -> Path:
    """A destination whose lists the events name, save one that it names wrongly."""
    here = {"@path": "$.properties.email"}
    listed = {"email": here, "list_id": {"@path": "$.properties.list"}}
    told: dict[str, Any] = {
        "settings": {"batch_max_age_s": 0.1},
        "mappings": [
            {
                "action": "addProfileToList",
                "trigger": 'event = "Joined"',
                "fields": listed,
            },
            {
                "action": "removeProfileFromList",
                "trigger": 'event = "Left"',
                "fields": listed,
            },
            {
                "name": "takes the wrong thing for an address",
                "action": "addProfileToList",
                "trigger": 'event = "Asked"',
                "fields": listed | {"email": {"@path": email}},
            },
            {
                "name": "names no list there is",
                "action": "addProfileToList",
                "trigger": 'event = "Signed"',
                "fields": {"email": here, "list_id": signed or "Nowhere"},
            },
        ],
    }
    path.write_bytes(orjson.dumps(told))
    return path


@pytest.fixture(scope="module")
def destination(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the file lies."""
    return tmp_path_factory.mktemp("destination") / "destination.json"


@pytest.fixture(scope="module")
def running(shared: Pipeline, destination: Path) -> Pipeline:
    """One worker."""
    return shared.run(destination=_file(destination))


def _said(user: str, event: str, list_id: str, *, at_s: int = 0) -> Record:
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
    """The id that the sandbox gives the next list."""
    ids = [int(one["id"][1:]) for one in pipeline.klaviyo.lists()]
    return f"L{max(ids, default=0) + 1:05d}"


def _created(pipeline: Pipeline, name: str) -> str:
    [list_id] = pipeline.klaviyo.ask("POST", "lists", [{"name": name}])["ids"]
    return str(list_id)


def _typed(pipeline: Pipeline, *arguments: str, code: int = 0) -> str:
    command = ["deadletters", *arguments]
    result = CliRunner().invoke(main, command, env=pipeline.environ)
    assert result.exit_code == code, result.output
    return result.output


def _shown(pipeline: Pipeline, origin: Origin) -> list[dict[str, Any]]:
    """Every dead letter of a source record, in the order in which they came."""
    lines = _typed(pipeline, "show", "--all", "--handled").splitlines()
    found = [
        line
        for line in map(json.loads, lines)
        if [line["headers"].get(CONNECT + name) for name in ("topic", "partition")]
        == [origin.topic, str(origin.partition)]
        and line["headers"][CONNECT + "offset"] == str(origin.offset)
    ]
    return sorted(found, key=lambda line: int(line["place"].partition("/")[2]))


def _places(pipeline: Pipeline, *origins: Origin) -> list[str]:
    """Options that name their dead letters; there is one each."""
    found = [one["place"] for origin in origins for one in _shown(pipeline, origin)]
    assert len(found) == len(origins)
    return [word for place in found for word in ("--place", place)]


def _buried(pipeline: Pipeline, *records: Record) -> list[Origin]:
    """Publish what becomes dead letters."""
    origins = pipeline.publish(records)
    pipeline.await_outcomes(origins)
    return origins


def _verdicts(pipeline: Pipeline, origin: Origin) -> list[tuple[str, str, str]]:
    return [
        (told.stage, str(told.item.verdict), told.item.reason.partition(":")[0])
        for told in pipeline.outcomes.of[origin]
    ]


def _await_ends(pipeline: Pipeline, origins: list[Origin], *, count: int) -> None:
    """Return when each has so many outcomes."""

    def met() -> bool:
        pipeline.outcomes.read()
        return all(len(pipeline.outcomes.of[one]) >= count for one in origins)

    pipeline.until(met)


def test_what_a_lane_refused_is_delivered_once_its_list_is_there(
    running: Pipeline,
) -> None:
    """A dry run sends nothing; what is requeued is not listed any more."""
    [origin] = _buried(running, _said("ann", "Joined", _next_list(running)))
    places = _places(running, origin)
    dry = _typed(running, "requeue", *places)
    _created(running, "Late")

    real = _typed(running, "requeue", *places, "--apply")
    _await_ends(running, [origin], count=2)
    again = _typed(running, "requeue", *places, "--apply", code=1)

    assert "would requeue 1 dead letters" in dry
    assert "requeued 1 dead letters" in real
    assert "requeued 0 dead letters" in again
    assert running.klaviyo.members_of("Late") == [email_of("ann")]
    last = running.outcomes.of[origin][-1]
    assert (last.stage, last.item.verdict) == ("deliver.lists", Verdict.DELIVERED)
    assert f"replay {last.item.replay}" in real
    [letter] = _shown(running, origin)
    assert letter["handled"]["action"] == "requeued"
    assert letter["handled"]["replay"] == last.item.replay


def test_what_was_outdone_since_is_stale_and_nothing_is_sent(
    running: Pipeline,
) -> None:
    """Who has left the list meanwhile is not put on it again."""
    wanted = _next_list(running)
    [origin] = _buried(running, _said("bob", "Joined", wanted, at_s=1))
    _created(running, "Left")
    running.await_quiet(running.publish([_said("bob", "Left", wanted, at_s=2)]))
    before = len(running.klaviyo.requests())

    _typed(running, "requeue", *_places(running, origin), "--apply")
    _await_ends(running, [origin], count=2)

    assert _verdicts(running, origin)[1:] == [("activate", "discarded", "stale")]
    assert running.klaviyo.members_of("Left") == []
    assert len(running.klaviyo.requests()) == before


def test_a_changed_mapping_makes_them_anew_from_their_source(
    running: Pipeline, destination: Path
) -> None:
    """One that activate refused, and one whose activation says the old list still."""
    wanted = _created(running, "Signed")
    origins = _buried(
        running, _said("cyd", "Asked", wanted), _said("dan", "Signed", "")
    )
    codes = [_shown(running, origin)[0]["reason"] for origin in origins]
    running.workers["w0"].stop()
    running.workers["w0"].ended()
    _file(destination, email="$.properties.email", signed=wanted)
    running.start("w0")
    running.await_members(1)

    places = _places(running, *origins)
    told = _typed(running, "requeue", *places, "--from-source", "--apply")
    _await_ends(running, origins, count=2)

    assert codes == ["bad-email", "list-gone"]
    assert "2 taken in again from the source topic" in told
    assert running.klaviyo.members_of("Signed") == [email_of("cyd"), email_of("dan")]


def test_one_that_fails_again_is_a_new_dead_letter(running: Pipeline) -> None:
    """At a new place, and not handled."""
    [origin] = _buried(running, ("eve", b"{"))

    _typed(running, "requeue", *_places(running, origin), "--apply")
    _await_ends(running, [origin], count=2)

    old, new = _shown(running, origin)
    assert (old["reason"], new["reason"]) == ("not-json", "not-json")
    assert old["handled"]["action"] == "requeued"
    assert "handled" not in new
    assert old["headers"]["ks.time-ms"] == new["headers"]["ks.time-ms"]


def test_one_that_is_discarded_is_listed_no_more_and_recorded(
    running: Pipeline,
) -> None:
    """With an outcome; `--all` lists it still."""
    [origin] = _buried(running, ("fay", b"\xff"))
    places = _places(running, origin)
    one_place = ["--reason", _shown(running, origin)[0]["reason"], *places]
    before = _typed(running, "show", *one_place)

    dry = _typed(running, "discard", *one_place)
    real = _typed(running, "discard", *one_place, "--why", "a test", "--apply")
    _await_ends(running, [origin], count=2)

    assert before
    assert "would discard 1" in dry
    assert "discarded 1" in real
    [letter] = _shown(running, origin)
    assert letter["handled"]["reason"] == "a test"
    assert _verdicts(running, origin)[1:] == [
        ("deadletters", "discarded", "discarded-by-operator")
    ]
    code = letter["reason"]
    left = _groups(running)
    assert _groups(running, "--all").get(code, 0) == left.get(code, 0) + 1


def _groups(pipeline: Pipeline, *options: str) -> dict[str, int]:
    lines = _typed(pipeline, "list", "--json", *options).splitlines()
    return {line["reason"]: line["count"] for line in map(json.loads, lines)}


def test_a_source_record_that_kafka_has_deleted_is_said_and_counted(
    running: Pipeline,
) -> None:
    """Its dead letter stays as it is."""
    [origin] = _buried(running, ("gus", b"["))
    client = admin(running.settings.kafka_bootstrap_servers)
    end = TopicPartition(origin.topic, origin.partition, origin.offset + 1)
    for done in client.delete_records([end]).values():
        done.result()

    places = _places(running, origin)
    told = _typed(running, "requeue", *places, "--from-source", "--apply", code=1)

    assert "requeued 0 dead letters" in told
    assert "cannot requeue 1, source-expired" in told
    assert "handled" not in _shown(running, origin)[0]


def test_a_record_of_somebody_else_s_is_listed_as_unreadable(
    running: Pipeline,
) -> None:
    """It can be put away, never sent on."""
    topic = running.settings.topics.deadletters
    [origin] = running.publish([("x", b"not ours")], topic=topic)
    place = f"{origin.partition}/{origin.offset}"

    listed = _groups(running)
    told = _typed(running, "requeue", "--place", place, "--apply", code=1)
    _typed(running, "discard", "--place", place, "--apply")

    assert listed["unreadable"] == 1
    assert "cannot requeue 1, origin-unknown" in told
    assert "unreadable" not in _groups(running)
    _await_ends(running, [origin], count=1)
