"""The commands an operator types, on a real Kafka with a table in it."""

import json
from collections.abc import Mapping

import pytest
from click.testing import CliRunner, Result

from agents.cli import main
from tests.journeys.harness import API_KEY, Pipeline
from tests.journeys.sample_events import START_MS, moves, users

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def _typed(environ: Mapping[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environ)


def _lines(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


@pytest.fixture(scope="module")
def full(shared: Pipeline) -> Pipeline:
    """Five users in one audience, two of them out again and into another."""
    who = users("u", 5)
    shared.run()
    shared.await_quiet(
        shared.publish(
            [
                *moves(who, "vip", entered=True, at_s=1),
                *moves(who[:2], "vip", entered=False, at_s=2),
                *moves(who[:2], "lapsed", entered=True, at_s=2),
            ]
        )
    )
    return shared


def test_audiences_counts_who_is_in_each(full: Pipeline) -> None:
    """Without an option, one line an audience."""
    assert _lines(_typed(full.environ, "audiences")) == [
        {"audience": "lapsed", "inside": 2, "left": 0},
        {"audience": "vip", "inside": 3, "left": 2},
    ]


def test_audiences_shows_everyone_in_one(full: Pipeline) -> None:
    """A user who has left is not a member."""
    found = _lines(_typed(full.environ, "audiences", "--audience", "vip"))

    assert [line["user"] for line in found] == ["u-2", "u-3", "u-4"]
    assert all(line["inside"] for line in found)


def test_audiences_shows_all_of_one_user(full: Pipeline) -> None:
    """In and out, since when, and which record moved it."""
    lapsed, vip = _lines(_typed(full.environ, "audiences", "--user", "u-0"))

    assert (lapsed["audience"], lapsed["inside"]) == ("lapsed", True)
    assert (vip["audience"], vip["inside"]) == ("vip", False)
    assert vip["since"] == "2025-10-09T08:53:22+00:00"
    assert START_MS == 1_760_000_000_000  # of which that is two seconds later
    assert str(vip["moved_by"]).startswith(f"{full.source}/")


@pytest.mark.parametrize("option", ["--user", "--audience"])
def test_audiences_says_nothing_of_who_is_unknown(full: Pipeline, option: str) -> None:
    """No error: there is nothing to tell."""
    assert _lines(_typed(full.environ, "audiences", option, "nobody")) == []


@pytest.mark.parametrize(
    ("command", "topic"),
    [
        pytest.param(["audiences"], "memberships-changelog", id="audiences"),
        pytest.param(["deadletters", "list"], "deadletters-resolved", id="deadletters"),
    ],
)
def test_a_command_before_any_worker_says_what_is_missing(
    full: Pipeline, command: list[str], topic: str
) -> None:
    """In words, with the topic's name and what makes it."""
    prefix = {"KLAVIYO_STREAMS_TOPIC_PREFIX": "not-there."}

    result = _typed({**full.environ, **prefix}, *command)

    assert result.exit_code == 1
    assert f"not-there.{topic}: does not exist" in result.output
    assert "klaviyo-streams topics" in result.output
    assert "Traceback" not in result.output


def test_topics_says_what_is_needed_then_created_then_there(full: Pipeline) -> None:
    """A dry run creates nothing; a second run creates nothing more."""
    fresh = f"{full.settings.topic_prefix}second."
    environ = {
        **full.environ,
        "KLAVIYO_STREAMS_TOPIC_PREFIX": fresh,
        "KLAVIYO_STREAMS_SOURCE_TOPICS": f"{fresh}source",
    }

    runs = [
        _typed(environ, "topics", *option).output.splitlines()
        for option in (["--dry-run"], ["--dry-run"], [], [])
    ]

    states = [{line.split("\t")[0] for line in run} for run in runs]
    assert states == [{"needed"}, {"needed"}, {"created"}, {"exists"}]
    created = {line.rpartition("\t")[0] for line in runs[2]}
    assert f"created\t{fresh}events\t4 partitions" in created
    assert f"created\t{fresh}lists\t1 partitions" in created


def test_topics_that_must_be_alike_and_are_not_are_refused(full: Pipeline) -> None:
    """A table is partitioned like the topic that feeds it."""
    fresh = f"{full.settings.topic_prefix}odd."
    full.broker.create_topics(f"{fresh}events", partitions=3)
    full.broker.create_topics(f"{fresh}memberships-changelog", partitions=2)

    result = _typed({**full.environ, "KLAVIYO_STREAMS_TOPIC_PREFIX": fresh}, "topics")

    assert result.exit_code == 1
    assert "has 2 partitions" in result.output
    assert "Traceback" not in result.output


def test_the_key_is_in_no_command_s_output(full: Pipeline) -> None:
    """The API key in the environment is never printed."""
    commands = [
        ["audiences"],
        ["deadletters", "list"],
        ["topics"],
        ["topics", "--dry-run"],
    ]

    outputs = [_typed(full.environ, *command).output for command in commands]

    assert full.environ["KLAVIYO_API_KEY"] == API_KEY
    assert not any(API_KEY in output for output in outputs)
