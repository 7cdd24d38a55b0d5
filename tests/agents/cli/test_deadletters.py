"""The commands for dead letters, against a broker in this process."""

import json
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from agents.admin.dead_letters import DeadLetters
from agents.admin.publisher import RecordPublisher
from agents.admin.topic_reader import read_topic
from agents.engine.producer import Message
from agents.shared.context import clock_ms
from streams.dead_letters.encoding import VALUE_MAX_BYTES
from streams.dead_letters.requeue import plan_requeue
from streams.delivery import outcome
from streams.errors import ConfigError
from tests.agents.cli.support.dead_letter_harness import (
    ADDRESS,
    DeadLetterHarness,
    dead_letter_at,
    open_harness,
)
from tests.support.reprocess_records import activation

LANE = {"stage": "deliver.lists", "code": "list-gone", "value": b"{}"}
BY_EDGE = msgspec.json.encode(activation(edge="edge:1"))


@pytest.fixture
def harness() -> Iterator[DeadLetterHarness]:
    """Open a harness with empty topics."""
    with open_harness() as harness:
        yield harness


def test_list_counts_and_shows_nothing_of_customers(harness: DeadLetterHarness) -> None:
    """A line for each stage and reason."""
    harness.publish_dead_letters(
        dead_letter_at(0), dead_letter_at(1), dead_letter_at(2, **LANE)
    )

    output = harness.output_of("list")
    lines = harness.output_of("list", "--json").splitlines()

    head, *rows = output.splitlines()
    assert head.split() == ["count", "stage", "reason", "first", "last", "example"]
    assert [row.split()[:3] for row in rows] == [
        ["1", "deliver.lists", "list-gone"],
        ["2", "intake", "not-json"],
    ]
    assert [json.loads(line)["count"] for line in lines] == [1, 2]
    assert ADDRESS not in output + "".join(lines)


def test_list_of_none_says_so(harness: DeadLetterHarness) -> None:
    """In words; as JSON lines it is empty."""
    assert harness.output_of("list") == "no dead letters\n"
    assert harness.output_of("list", "--json") == ""


def test_show_prints_headers_and_value(harness: DeadLetterHarness) -> None:
    """JSON as JSON, text as text, and bytes that are neither as base64."""
    harness.publish_dead_letters(
        dead_letter_at(0),
        dead_letter_at(1, value=b"{"),
        dead_letter_at(2, value=b"\xff"),
    )

    lines = harness.output_of("show", "0/0", "0/1", "0/2").splitlines()

    found = [json.loads(line) for line in lines]
    assert [one["place"] for one in found] == ["0/0", "0/1", "0/2"]
    assert [one["value"] for one in found] == [
        {"email": ADDRESS},
        "{",
        {"base64": "/w=="},
    ]
    assert found[1]["headers"]["__connect.errors.offset"] == "1"


@pytest.mark.parametrize("command", ["show", "requeue", "discard"])
def test_without_a_filter_the_options_are_named(
    harness: DeadLetterHarness, command: str
) -> None:
    """A command without a filter fails, so that no slip requeues everything."""
    result = harness.run(command)

    assert result.exit_code == 2
    for option in ("--reason", "--stage", "--since", "--until", "--at", "--all"):
        assert option in result.output


@pytest.mark.parametrize(
    ("option", "message"),
    [
        pytest.param(("--since", "monday"), "ISO 8601", id="time"),
        pytest.param(("--at", "17"), "PARTITION/OFFSET", id="offset"),
        pytest.param(("--stage", "delivery"), "deliver.lists", id="stage"),
    ],
)
def test_a_filter_that_is_none_is_told(
    harness: DeadLetterHarness, option: tuple[str, str], message: str
) -> None:
    """With what would be right."""
    result = harness.run("requeue", *option)

    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("options", "count"),
    [
        pytest.param(("--since", "2020-01-01"), 1, id="a-day"),
        pytest.param(("--since", "2020-01-01T00:00:00+02:00"), 1, id="a-zone"),
        pytest.param(("--until", "2020-01-01T00:00:00Z"), 0, id="before-it"),
        pytest.param(("--since", "2020-01-01", "--stage", "deliver"), 0, id="both"),
        pytest.param(("--at", "0/1", "--at", "0/0"), 1, id="two-offsets"),
    ],
)
def test_filters_say_which_are_meant(
    harness: DeadLetterHarness, options: tuple[str, ...], count: int
) -> None:
    """All that are given must be met; of several places, one."""
    harness.publish_dead_letters(dead_letter_at(0))

    assert f"would requeue {count} dead letters" in harness.output_of(
        "requeue", *options
    )


def test_a_dry_run_writes_nothing(harness: DeadLetterHarness) -> None:
    """And says what would be done."""
    harness.publish_dead_letters(dead_letter_at(0), dead_letter_at(1, **LANE))

    requeue, discard = (
        harness.output_of("requeue", "--all"),
        harness.output_of("discard", "--all"),
    )

    assert "would requeue 2 dead letters as 2 records" in requeue
    assert "1 deliver.lists list-gone: 0/1" in requeue
    assert "would discard 2 dead letters" in discard
    assert "add --apply to write" in requeue
    topics = ("reprocess", "events", "outcomes", "deadletters-resolved")
    assert [harness.values(f"t.{name}") for name in topics] == [[]] * 4


def test_each_goes_where_its_stage_says(harness: DeadLetterHarness) -> None:
    """Events to intake, as new; activations to activate, as the last word.

    The key is the user's, also if that on the lane is the edge's.
    """
    harness.publish_dead_letters(
        dead_letter_at(0, value=b"event"),
        dead_letter_at(1, **LANE),
        dead_letter_at(2, **(LANE | {"value": BY_EDGE, "key": b"edge:1"})),
    )

    output = harness.output_of("requeue", "--all", "--apply")

    assert harness.modes("t.reprocess") == [(b"correct", b"k", b"event")]
    by_user = (b"again", b"u-1", BY_EDGE)
    assert sorted(harness.modes("t.events")) == [(b"again", b"k", b"{}"), by_user]
    assert "requeued 3 dead letters as 3 records" in output
    assert harness.output_of("list") == "no dead letters\n"
    assert harness.output_of("list", "--all") != "no dead letters\n"
    again = harness.output_of("requeue", "--all", "--apply", code=1)
    assert "left out 3 resolved" in again
    forced = harness.output_of("requeue", "--all", "--include-resolved")
    assert "would requeue 3" in forced


def test_the_replay_is_named_before_anything_is_sent(
    harness: DeadLetterHarness,
) -> None:
    """The replay ID is printed first, and progress goes to standard error."""
    harness.publish_dead_letters(*(dead_letter_at(offset) for offset in range(3)))

    result = harness.run("requeue", "--all", "--apply")

    first, *rest = result.stdout.splitlines()
    replay = first.removeprefix("replay ")
    assert harness.headers("t.reprocess", "ks.replay") == [replay.encode()] * 3
    assert rest[0] == "requeued 3 dead letters as 3 records"
    assert "3 of 3 records" in result.stderr


@pytest.mark.parametrize("command", ["requeue", "discard"])
@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param((), 0, id="dry"),
        pytest.param(("--apply",), 1, id="apply"),
    ],
)
def test_what_matches_nothing_has_not_gone_well(
    harness: DeadLetterHarness, command: str, options: tuple[str, ...], code: int
) -> None:
    """A typing error in a reason, or somebody has done it already."""
    harness.publish_dead_letters(dead_letter_at(0))

    result = harness.run(command, "--reason", "not-jsno", *options)

    assert result.exit_code == code
    assert "0 dead letters" in result.stdout


@pytest.mark.parametrize("options", [(), ("--apply",)], ids=["dry", "apply"])
def test_what_can_not_be_requeued_has_not_gone_well(
    harness: DeadLetterHarness, options: tuple[str, ...]
) -> None:
    """The others are sent."""
    harness.publish_dead_letters(
        dead_letter_at(0), dead_letter_at(7, value=b"x" * (VALUE_MAX_BYTES + 1))
    )

    result = harness.run("requeue", "--all", *options)

    assert result.exit_code == 1
    assert "1 dead letters as 1 records" in result.stdout
    assert "cannot requeue 1" in result.stdout


def test_show_prints_what_is_nested_too_deep_to_write(
    harness: DeadLetterHarness,
) -> None:
    """As text: it can be read, and not written again."""
    depths = (100, 254, 600, 1_000, 5_000)
    values = [b"[" * depth + b"]" * depth for depth in depths]
    harness.publish_dead_letters(
        *(dead_letter_at(n, value=value) for n, value in enumerate(values))
    )

    lines = harness.output_of("show", "--all").splitlines()

    found = [json.loads(line)["value"] for line in lines]
    assert [one for one in found if isinstance(one, str)] == [
        value.decode() for value in values[-len(found) + 1 :]
    ]
    assert not isinstance(found[0], str)


def test_discard_leaves_an_outcome_and_a_row(harness: DeadLetterHarness) -> None:
    """A discarded dead letter has an outcome and a resolution."""
    harness.publish_dead_letters(dead_letter_at(3))

    harness.output_of("discard", "--reason", "not-json", "--note", "tests", "--apply")

    [value] = harness.values("t.outcomes")
    output = outcome.decode_outcome(value or b"")
    [item] = output.items
    assert (output.stage, item.origin.offset) == ("deadletters", 3)
    assert (item.verdict, item.reason) == ("discarded", "discarded-by-operator")
    [record] = read_topic(harness.kafka, "t.deadletters-resolved")
    row = json.loads(record.value() or b"")
    assert record.key() == b"0/0"
    assert (row["action"], row["note"]) == ("discarded", "tests")


def test_somebody_else_s_record_is_listed_and_never_sent(
    harness: DeadLetterHarness,
) -> None:
    """A foreign record is listed and can be discarded."""
    topic = harness.settings.topics.deadletters
    harness.publisher.publish([Message(topic, None, None, [("h", None)], 0)])

    listed = harness.output_of("list")
    output = harness.output_of("requeue", "--all", "--apply", code=1)
    harness.output_of("discard", "--reason", "unreadable", "--apply")

    assert listed.splitlines()[1].split()[:3] == ["1", "-", "unreadable"]
    assert "cannot requeue 1, origin-unknown: 0/0" in output
    assert harness.output_of("list") == "no dead letters\n"


class _Dying(RecordPublisher):
    """Dies before one of its calls."""

    lives = 0

    def publish(self, messages: Sequence[Message]) -> None:
        """Append them, while it lives."""
        if self.lives == 0:
            raise ConfigError(["killed"])
        self.lives -= 1
        super().publish(messages)


@pytest.mark.parametrize("lives", [0, 1])
def test_killed_in_between_it_sends_twice_and_loses_nothing(
    harness: DeadLetterHarness, lives: int
) -> None:
    """Only records that were sent are marked as resolved."""
    harness.publish_dead_letters(dead_letter_at(0))

    class Dying(_Dying):
        pass

    Dying.lives = lives
    dead_letters = DeadLetters(harness.settings, harness.kafka, create_publisher=Dying)
    planned = plan_requeue(dead_letters.read_all(), from_source=False)
    with pytest.raises(ConfigError, match="killed"):
        dead_letters.requeue(planned, replay="r-1", now_ms=clock_ms, apply=True)
    sent = len(harness.values("t.reprocess"))

    harness.output_of("requeue", "--all", "--apply")

    assert sent == lives
    assert len(harness.values("t.reprocess")) == lives + 1
