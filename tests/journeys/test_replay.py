"""Replays on real Kafka: nothing newer is disturbed, and nothing is told twice."""

import signal
import subprocess
import sys

import orjson
import pytest

from agents.demo.workload import Shape
from streams.events.origin import Origin
from tests.journeys.commands import command
from tests.journeys.conftest import Say
from tests.journeys.events import START_MS, email_of, moves, users
from tests.journeys.harness import WITHIN_S, Pipeline, Record
from tests.journeys.klaviyo import ROOT
from tests.journeys.shop import Day, dead

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SHAPE = Shape(
    events=6_000,
    users=300,
    audiences=("vip", "cart"),
    other=0.5,
    orders=0.3,
    consents=0.05,
)
RECORDS = 6_000
CONSENT = ("/api/profile-subscription", "/api/profile-suppression")


def test_replaying_the_whole_source_changes_no_list_and_no_consent(
    pipeline: Pipeline, say: Say
) -> None:
    """And each event is recorded once; then a live event still counts."""
    day = Day(pipeline, SHAPE, seed=20_26)
    pipeline.run(workers=2)
    origins = day.publish(RECORDS)
    pipeline.await_quiet(origins)
    changes, asked = pipeline.klaviyo.changes(), pipeline.klaviyo.asked()

    said = command("replay", "--apply", "--rate", "5000", environ=pipeline.environ)
    pipeline.await_quiet(origins)

    after = pipeline.klaviyo.asked()
    news = after - asked
    say(f"replayed {RECORDS}: {said.splitlines()[-8:]}; requests {dict(news)}")
    assert f"taken in: {RECORDS}" in said
    assert pipeline.klaviyo.changes() == changes
    assert not [name for name in news if any(word in name for word in CONSENT)]
    assert day.wrong() == []
    assert dead(pipeline, origins) == {}
    more = day.publish(0) + pipeline.publish(moves(["late"], "vip", entered=True))
    pipeline.await_quiet(more)
    assert email_of("late") in pipeline.klaviyo.members_of("vip")


def _named(user: str, name: str, *, at_s: int) -> Record:
    return (
        user,
        orjson.dumps(
            {
                "type": "identify",
                "userId": user,
                "messageId": f"{user}-{at_s}",
                "timestamp": START_MS + at_s * 1000,
                "traits": {"email": email_of(user), "firstName": name},
            }
        ),
    )


def _first_names(pipeline: Pipeline) -> set[str]:
    return {one["first_name"] for one in pipeline.klaviyo.ask("GET", "profiles")}


def test_a_replayed_hour_disturbs_nothing_newer(pipeline: Pipeline) -> None:
    """An old name, and an old membership, stay what came after them."""
    people = users("p", 50)
    pipeline.run()
    old = pipeline.publish(_named(user, "old", at_s=0) for user in people)
    old += pipeline.publish(moves(people, "vip", entered=True, at_s=1))
    new = pipeline.publish(_named(user, "new", at_s=10) for user in people)
    new += pipeline.publish(moves(people[:25], "vip", entered=False, at_s=11))
    pipeline.await_quiet(old + new)
    spans = _spans(old)

    counted = command("replay", *spans, environ=pipeline.environ)
    command("replay", *spans, "--mode", "again", "--apply", environ=pipeline.environ)
    pipeline.await_quiet(old)

    assert f"takes {len(old)} records" in counted
    assert _first_names(pipeline) == {"new"}
    assert pipeline.klaviyo.members_of("vip") == sorted(map(email_of, people[25:]))


def _spans(origins: list[Origin]) -> list[str]:
    """Options that name the offsets of these, partition by partition."""
    places: dict[int, list[int]] = {}
    for one in origins:
        places.setdefault(one.partition, []).append(one.offset)
    return [
        text
        for partition, offsets in places.items()
        for text in ("--offsets", f"{partition}:{min(offsets)}-{max(offsets) + 1}")
    ]


def test_what_was_undone_in_klaviyo_is_told_again(pipeline: Pipeline) -> None:
    """One audience of two, by its name; a filter by user takes one of them."""
    people = users("p", 20)
    pipeline.run()
    origins = pipeline.publish(moves(people, "vip", entered=True))
    origins += pipeline.publish(moves(people, "cart", entered=True))
    pipeline.await_quiet(origins)
    asked = pipeline.klaviyo.asked()

    again = ("--mode", "again", "--apply", "--audience", "vip")
    one = command("replay", *again, "--user", "p-3", environ=pipeline.environ)
    all_ = command("replay", *again, environ=pipeline.environ)
    none = command(
        "replay", "--where", 'event = "Nothing"', "--apply", environ=pipeline.environ
    )

    assert "taken in: 1;" in one
    assert "taken in: 20;" in all_
    assert "taken in: 0;" in none
    assert "delivered" in all_
    assert pipeline.klaviyo.asked() - asked


def test_a_rebuild_learns_nothing_that_is_still_to_be_told(pipeline: Pipeline) -> None:
    """What no worker has read yet would end as a repeat, and never be told."""
    people = users("p", 20)
    worker = pipeline.run().workers["w0"]
    pipeline.await_quiet(pipeline.publish(moves(people[:10], "vip", entered=True)))
    worker.stop()
    worker.ended()
    pipeline.publish(moves(people[10:], "vip", entered=True))

    counted = command("replay", "--mode", "rebuild", environ=pipeline.environ)

    assert "takes 10 records" in counted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_replay_goes_on_where_it_was_left(
    pipeline: Pipeline, number: signal.Signals
) -> None:
    """Ctrl-C or SIGTERM, then `--resume`; one that was stopped begins again."""
    people = users("p", 2_000)
    pipeline.run()
    origins = pipeline.publish(moves(people, "vip", entered=True))
    pipeline.await_quiet(origins)

    slow = _begun(pipeline, "--rate", "50", "--apply")
    name = _name(slow)
    pipeline.until(lambda: _fed(pipeline, name) > 0)
    slow.send_signal(number)
    said, _ = slow.communicate(timeout=WITHIN_S)
    fed = _fed(pipeline, name)
    command("replay", "--resume", name, "--rate", "5000", environ=pipeline.environ)
    resumed = _fed(pipeline, name)
    command("replay", "--stop", name, environ=pipeline.environ)
    listed = command("replay", "--list", environ=pipeline.environ)
    again = command("replay", "--resume", name, environ=pipeline.environ)

    assert slow.returncode == 130
    assert f"--resume {name}" in said
    assert 0 < fed < len(people)
    assert len(people) <= resumed < len(people) + 500
    assert "stopped" in listed
    assert f"{len(people)} of {len(people)} offsets left" in again
    assert pipeline.klaviyo.changes()["adds"] == len(people)


def _begun(pipeline: Pipeline, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command, no shell
        [sys.executable, "-m", "agents.cli", "replay", *args],
        cwd=ROOT,
        env=dict(pipeline.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _name(replay: subprocess.Popen[str]) -> str:
    assert replay.stdout is not None
    return replay.stdout.readline().split()[1].rstrip(":")


def _fed(pipeline: Pipeline, name: str) -> int:
    listed = command("replay", "--list", environ=pipeline.environ)
    [line] = [line for line in listed.splitlines() if line.startswith(name)]
    return int(line.split(", ")[1].split()[0])
