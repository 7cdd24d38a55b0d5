"""The commands for dead letters, against a broker in this process."""

import json
from collections.abc import Iterator, Sequence

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
from tests.agents.cli.letter_desk import ADDRESS, Desk, letter_at, opened

LANE = {"stage": "deliver.lists", "code": "list-gone", "value": b"{}"}


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Empty topics."""
    with opened() as desk:
        yield desk


def test_list_counts_and_shows_nothing_of_customers(desk: Desk) -> None:
    """A line for each stage and reason."""
    desk.bury(letter_at(0), letter_at(1), letter_at(2, **LANE))

    output = desk.told("list")
    lines = desk.told("list", "--json").splitlines()

    head, *rows = output.splitlines()
    assert head.split() == ["count", "stage", "reason", "first", "last", "example"]
    assert [row.split()[:3] for row in rows] == [
        ["1", "deliver.lists", "list-gone"],
        ["2", "intake", "not-json"],
    ]
    assert [json.loads(line)["count"] for line in lines] == [1, 2]
    assert ADDRESS not in output + "".join(lines)


def test_list_of_none_says_so(desk: Desk) -> None:
    """In words; as JSON lines it is empty."""
    assert desk.told("list") == "no dead letters\n"
    assert desk.told("list", "--json") == ""


def test_show_prints_headers_and_value(desk: Desk) -> None:
    """JSON as JSON, text as text, and bytes that are neither as base64."""
    desk.bury(letter_at(0), letter_at(1, value=b"{"), letter_at(2, value=b"\xff"))

    lines = desk.told("show", "0/0", "0/1", "0/2").splitlines()

    found = [json.loads(line) for line in lines]
    assert [one["place"] for one in found] == ["0/0", "0/1", "0/2"]
    assert [one["value"] for one in found] == [
        {"email": ADDRESS},
        "{",
        {"base64": "/w=="},
    ]
    assert found[1]["headers"]["__connect.errors.offset"] == "1"


@pytest.mark.parametrize("command", ["show", "requeue", "discard"])
def test_without_a_filter_the_options_are_named(desk: Desk, command: str) -> None:
    """Nobody requeues everything by leaving something out."""
    result = desk.typed(command)

    assert result.exit_code == 2
    for option in ("--reason", "--stage", "--since", "--until", "--place", "--all"):
        assert option in result.output


@pytest.mark.parametrize(
    ("option", "words"),
    [
        pytest.param(("--since", "monday"), "ISO 8601", id="time"),
        pytest.param(("--place", "17"), "PARTITION/OFFSET", id="place"),
        pytest.param(("--stage", "delivery"), "deliver.lists", id="stage"),
    ],
)
def test_a_filter_that_is_none_is_told(
    desk: Desk, option: tuple[str, str], words: str
) -> None:
    """With what would be right."""
    result = desk.typed("requeue", *option)

    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.parametrize(
    ("options", "count"),
    [
        pytest.param(("--since", "2020-01-01"), 1, id="a-day"),
        pytest.param(("--since", "2020-01-01T00:00:00+02:00"), 1, id="a-zone"),
        pytest.param(("--until", "2020-01-01T00:00:00Z"), 0, id="before-it"),
        pytest.param(("--since", "2020-01-01", "--stage", "deliver"), 0, id="both"),
        pytest.param(("--place", "0/1", "--place", "0/0"), 1, id="two-places"),
    ],
)
def test_filters_say_which_are_meant(
    desk: Desk, options: tuple[str, ...], count: int
) -> None:
    """All that are given must be met; of several places, one."""
    desk.bury(letter_at(0))

    assert f"would requeue {count} dead letters" in desk.told("requeue", *options)


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    """And says what would be done."""
    desk.bury(letter_at(0), letter_at(1, **LANE))

    requeue, discard = desk.told("requeue", "--all"), desk.told("discard", "--all")

    assert "would requeue 2 dead letters as 2 records" in requeue
    assert "1 deliver.lists list-gone: 0/1" in requeue
    assert "would discard 2 dead letters" in discard
    assert "--apply does it" in requeue
    topics = ("reprocess", "events", "outcomes", "deadletters-resolved")
    assert [desk.values(f"t.{name}") for name in topics] == [[]] * 4


def test_each_goes_where_its_stage_says(desk: Desk) -> None:
    """Events to intake, as new; activations to activate, as the last word."""
    desk.bury(letter_at(0, value=b"event"), letter_at(1, **LANE))

    told = desk.told("requeue", "--all", "--apply")

    assert desk.modes("t.reprocess") == [(b"correct", b"k", b"event")]
    assert desk.modes("t.events") == [(b"again", b"k", b"{}")]
    assert "requeued 2 dead letters as 2 records" in told
    assert desk.told("list") == "no dead letters\n"
    assert desk.told("list", "--all") != "no dead letters\n"
    again = desk.told("requeue", "--all", "--apply", code=1)
    assert "left out 2 handled before" in again
    forced = desk.told("requeue", "--all", "--handled")
    assert "would requeue 2" in forced


def test_the_replay_is_named_before_anything_is_sent(desk: Desk) -> None:
    """Who interrupts it knows what to ask for; what is long says how far it is."""
    desk.bury(*(letter_at(offset) for offset in range(3)))

    result = desk.typed("requeue", "--all", "--apply")

    first, *rest = result.stdout.splitlines()
    replay = first.removeprefix("replay ")
    assert desk.headers("t.reprocess", "ks.replay") == [replay.encode()] * 3
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
    desk: Desk, command: str, options: tuple[str, ...], code: int
) -> None:
    """A typing error in a reason, or somebody has done it already."""
    desk.bury(letter_at(0))

    result = desk.typed(command, "--reason", "not-jsno", *options)

    assert result.exit_code == code
    assert "0 dead letters" in result.stdout


@pytest.mark.parametrize("options", [(), ("--apply",)], ids=["dry", "apply"])
def test_what_can_not_be_requeued_has_not_gone_well(
    desk: Desk, options: tuple[str, ...]
) -> None:
    """The others are sent."""
    desk.bury(letter_at(0), letter_at(7, value=b"x" * (VALUE_MAX_BYTES + 1)))

    result = desk.typed("requeue", "--all", *options)

    assert result.exit_code == 1
    assert "1 dead letters as 1 records" in result.stdout
    assert "cannot requeue 1" in result.stdout


def test_show_prints_what_is_nested_too_deep_to_write(desk: Desk) -> None:
    """As text: it can be read, and not written again."""
    depths = (100, 254, 600, 1_000, 5_000)
    values = [b"[" * depth + b"]" * depth for depth in depths]
    desk.bury(*(letter_at(n, value=value) for n, value in enumerate(values)))

    lines = desk.told("show", "--all").splitlines()

    found = [json.loads(line)["value"] for line in lines]
    assert [one for one in found if isinstance(one, str)] == [
        value.decode() for value in values[-len(found) + 1 :]
    ]
    assert not isinstance(found[0], str)


def test_discard_leaves_an_outcome_and_a_row(desk: Desk) -> None:
    """Who asks later finds both."""
    desk.bury(letter_at(3))

    desk.told("discard", "--reason", "not-json", "--why", "tests", "--apply")

    [value] = desk.values("t.outcomes")
    told = outcome.decode_outcome(value or b"")
    [item] = told.items
    assert (told.stage, item.origin.offset) == ("deadletters", 3)
    assert (item.verdict, item.reason) == ("discarded", "discarded-by-operator")
    [record] = read_topic(desk.kafka, "t.deadletters-resolved")
    row = json.loads(record.value() or b"")
    assert record.key() == b"0/0"
    assert (row["action"], row["reason"]) == ("discarded", "tests")


def test_somebody_else_s_record_is_listed_and_never_sent(desk: Desk) -> None:
    """It can be put away."""
    topic = desk.settings.topics.deadletters
    desk.publisher.publish([Message(topic, None, None, [("h", None)], 0)])

    listed = desk.told("list")
    told = desk.told("requeue", "--all", "--apply", code=1)
    desk.told("discard", "--reason", "unreadable", "--apply")

    assert listed.splitlines()[1].split()[:3] == ["1", "-", "unreadable"]
    assert "cannot requeue 1, origin-unknown: 0/0" in told
    assert desk.told("list") == "no dead letters\n"


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
    desk: Desk, lives: int
) -> None:
    """What is noted has been sent."""
    desk.bury(letter_at(0))

    class Dying(_Dying):
        pass

    Dying.lives = lives
    letters = DeadLetters(desk.settings, desk.kafka, create_publisher=Dying)
    planned = plan_requeue(letters.read_all(), from_source=False)
    with pytest.raises(ConfigError, match="killed"):
        letters.requeue(planned, replay="r-1", now_ms=clock_ms, apply=True)
    sent = len(desk.values("t.reprocess"))

    desk.told("requeue", "--all", "--apply")

    assert sent == lives
    assert len(desk.values("t.reprocess")) == lives + 1
