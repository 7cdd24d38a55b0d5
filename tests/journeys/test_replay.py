"""Replays on a real Kafka change nothing newer, and send no update twice."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import orjson
import pytest

from agents.demo.workload.generator import WorkloadShape
from streams.events.canonical_event import Origin
from tests.journeys.commands import command
from tests.journeys.conftest import Say
from tests.journeys.harness import WITHIN_S, Pipeline, Record
from tests.journeys.sample_events import START_MS, email_of, moves, users
from tests.journeys.shop_day import ShopDay, dead_letter_reasons
from tests.support.cli_server import CliProcess, spawn_cli

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SHAPE = WorkloadShape(
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
    """Each event is recorded once, and a live event still counts afterwards."""
    workload = ShopDay(pipeline, SHAPE, seed=20_26)
    pipeline.run(workers=2)
    origins = workload.publish(RECORDS)
    pipeline.await_quiet(origins)
    changes, requests_before = pipeline.klaviyo.changes(), pipeline.klaviyo.asked()

    output = command("replay", "--apply", "--rate", "5000", environ=pipeline.environ)
    pipeline.await_quiet(origins)

    after = pipeline.klaviyo.asked()
    new_requests = after - requests_before
    say(
        f"replayed {RECORDS}: {output.splitlines()[-8:]}; requests {dict(new_requests)}"
    )
    assert f"published: {RECORDS}" in output
    assert pipeline.klaviyo.changes() == changes
    assert not [
        name
        for name in new_requests
        if any(path_prefix in name for path_prefix in CONSENT)
    ]
    assert workload.wrong() == []
    assert dead_letter_reasons(pipeline, origins) == {}
    later_origins = workload.publish(0) + pipeline.publish(
        moves(["late"], "vip", entered=True)
    )
    pipeline.await_quiet(later_origins)
    assert email_of("late") in pipeline.klaviyo.members_of("vip")


def _identify_event(user: str, name: str, *, at_s: int) -> Record:
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
    return {
        profile["first_name"] for profile in pipeline.klaviyo.ask("GET", "profiles")
    }


def test_a_replayed_hour_disturbs_nothing_newer(pipeline: Pipeline) -> None:
    """An older name or membership does not replace a newer one."""
    user_ids = users("p", 50)
    pipeline.run()
    old = pipeline.publish(_identify_event(user, "old", at_s=0) for user in user_ids)
    old += pipeline.publish(moves(user_ids, "vip", entered=True, at_s=1))
    new = pipeline.publish(_identify_event(user, "new", at_s=10) for user in user_ids)
    new += pipeline.publish(moves(user_ids[:25], "vip", entered=False, at_s=11))
    pipeline.await_quiet(old + new)
    offset_options = _offset_options(old)

    counted = command("replay", *offset_options, environ=pipeline.environ)
    command(
        "replay",
        *offset_options,
        "--mode",
        "again",
        "--apply",
        environ=pipeline.environ,
    )
    pipeline.await_quiet(old)

    assert f"{len(old)} records selected" in counted
    assert _first_names(pipeline) == {"new"}
    assert pipeline.klaviyo.members_of("vip") == sorted(map(email_of, user_ids[25:]))


def _offset_options(origins: list[Origin]) -> list[str]:
    """Return options for the offsets of origins, partition by partition."""
    offsets_by_partition: dict[int, list[int]] = {}
    for origin in origins:
        offsets_by_partition.setdefault(origin.partition, []).append(origin.offset)
    return [
        text
        for partition, offsets in offsets_by_partition.items()
        for text in ("--offsets", f"{partition}:{min(offsets)}-{max(offsets) + 1}")
    ]


def test_a_change_undone_in_klaviyo_is_sent_again(pipeline: Pipeline) -> None:
    """The replay selects one audience of two, and one user of the audience."""
    people = users("p", 20)
    pipeline.run()
    origins = pipeline.publish(moves(people, "vip", entered=True))
    origins += pipeline.publish(moves(people, "cart", entered=True))
    pipeline.await_quiet(origins)
    requests_before = pipeline.klaviyo.asked()

    resend_options = ("--mode", "again", "--apply", "--audience", "vip")
    one_user_output = command(
        "replay", *resend_options, "--user", "p-3", environ=pipeline.environ
    )
    all_ = command("replay", *resend_options, environ=pipeline.environ)
    none = command(
        "replay", "--where", 'event = "Nothing"', "--apply", environ=pipeline.environ
    )

    assert "published: 1;" in one_user_output
    assert "published: 20;" in all_
    assert "published: 0;" in none
    assert "delivered" in all_
    assert pipeline.klaviyo.asked() - requests_before


def test_a_rebuild_skips_records_no_worker_has_read(pipeline: Pipeline) -> None:
    """A record in the table before a worker reads it would count as a duplicate."""
    people = users("p", 20)
    worker = pipeline.run().workers["w0"]
    pipeline.await_quiet(pipeline.publish(moves(people[:10], "vip", entered=True)))
    worker.stop()
    worker.ended()
    pipeline.publish(moves(people[10:], "vip", entered=True))

    counted = command("replay", "--mode", "rebuild", environ=pipeline.environ)

    assert "10 records selected" in counted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_replay_resumes_at_its_position(
    pipeline: Pipeline, number: signal.Signals
) -> None:
    """`--resume` continues after a signal, and starts again after `--stop`."""
    people = users("p", 2_000)
    pipeline.run()
    origins = pipeline.publish(moves(people, "vip", entered=True))
    pipeline.await_quiet(origins)

    options = ("--rate", "50", "--apply")
    with _running_replay(pipeline, *options) as (slow, lines):
        name = lines.readline().split()[1].rstrip(":")
        pipeline.until(lambda: _records_published(pipeline, name) > 0)
        slow.send_signal(number)
        slow.wait(WITHIN_S)
        output = lines.read()
    published = _records_published(pipeline, name)
    command("replay", "--resume", name, "--rate", "5000", environ=pipeline.environ)
    resumed = _records_published(pipeline, name)
    command("replay", "--stop", name, environ=pipeline.environ)
    list_output = command("replay", "--list", environ=pipeline.environ)
    resume_output = command("replay", "--resume", name, environ=pipeline.environ)

    assert slow.returncode == 130
    assert f"--resume {name}" in output
    assert 0 < published < len(people)
    assert len(people) <= resumed < len(people) + 500
    assert "stopped" in list_output
    assert f"{len(people)} of {len(people)} offsets left" in resume_output
    assert pipeline.klaviyo.changes()["adds"] == len(people)


@contextmanager
def _running_replay(
    pipeline: Pipeline, *args: str
) -> Iterator[tuple[CliProcess, TextIO]]:
    """Yield a replay under way and its output."""
    read_end, write_end = os.pipe()
    with Path(os.devnull).open("wb") as errors:
        replay = spawn_cli(
            "replay",
            *args,
            stdout=write_end,
            stderr=errors.fileno(),
            env=pipeline.environ,
        )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as output:
            yield replay, output
    finally:
        replay.kill()


def _records_published(pipeline: Pipeline, name: str) -> int:
    """Return the count of a replay; 0 while the list does not have it yet."""
    listed = command("replay", "--list", environ=pipeline.environ)
    lines = [line for line in listed.splitlines() if line.startswith(name)]
    return int(lines[0].split(", ")[1].split()[0]) if lines else 0
