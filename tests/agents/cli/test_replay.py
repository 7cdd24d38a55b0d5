"""A replay on the command line, against a broker in this process."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition

from agents.admin.publisher import RecordPublisher
from agents.admin.replay.store import ReplayStore
from agents.admin.topic_reader import read_topic
from agents.cli import main
from agents.cli.support import replay_command
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message
from agents.shared.context import kafka_access
from agents.shared.embedded_broker import PARTITIONS_PER_TOPIC, EmbeddedBroker
from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.delivery.verdict import Verdict
from streams.events.canonical_event import ORIGIN_HEADER, REPLAY_HEADER, Origin
from streams.replay.selection import ReplaySelection
from streams.replay.state import ReplayState, ReplayStatus
from streams.settings import Settings, load_settings

MAX_EVENT_BYTES = 1_000
NAME = "r-1"


class ReplayHarness:
    """The command line, before topics in Kafka."""

    def __init__(self, bootstrap: str) -> None:
        self._environ = {
            "KLAVIYO_API_KEY": "pk_test",
            "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KLAVIYO_STREAMS_TOPIC_PREFIX": "t.",
            "KLAVIYO_STREAMS_SOURCE_TOPICS": "source",
            "KLAVIYO_STREAMS_MAX_EVENT_BYTES": str(MAX_EVENT_BYTES),
        }
        self.settings: Settings = load_settings(self._environ)
        self.kafka: KafkaAccess = kafka_access(self.settings)
        self.registry = ReplayStore(self.kafka, self.settings)
        self._publisher = RecordPublisher(self.kafka)

    def publish(self, *messages: Message) -> None:
        """Publish records to Kafka."""
        self._publisher.publish(messages)

    def replay(self, *arguments: str) -> str:
        """Type a command; what it says, and what it died of."""
        result = CliRunner().invoke(main, ["replay", *arguments], env=self._environ)
        return f"{result.output}{result.exception or ''}"


@pytest.fixture
def harness() -> Iterator[ReplayHarness]:
    """Empty topics; signals mean afterwards what they meant before."""
    before = {number: signal.getsignal(number) for number in (2, 15)}
    with EmbeddedBroker() as broker:
        names = ("reprocess", "events", "outcomes", "replays")
        broker.create_topics("source", *(f"t.{name}" for name in names))
        yield ReplayHarness(broker.bootstrap)
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def workers(harness: ReplayHarness) -> Iterator[None]:
    """Each record that is taken in again ends at once."""
    ended = threading.Event()
    thread = threading.Thread(target=_answer, args=(harness, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _answer(harness: ReplayHarness, ended: threading.Event) -> None:
    consumer = Consumer(harness.kafka.librdkafka_options() | {"group.id": "workers"})
    topic = harness.settings.topics.reprocess
    with closing(consumer):
        consumer.assign(
            [TopicPartition(topic, part, 0) for part in range(PARTITIONS_PER_TOPIC)]
        )
        while not ended.is_set():
            headers_list = [
                dict(one.headers() or ()) for one in consumer.consume(100, 0.1)
            ]
            harness.publish(*_outcomes(harness, headers_list))


def _outcomes(
    harness: ReplayHarness, headers_list: Sequence[Mapping[str, Any]]
) -> list[Message]:
    items = [
        OutcomeItem(
            origin=Origin.parse(headers[ORIGIN_HEADER].decode()),
            verdict=Verdict.DISCARDED,
            replay=headers[REPLAY_HEADER].decode(),
        )
        for headers in headers_list
    ]
    topic = harness.settings.topics.outcomes
    return [
        Message(topic, None, value)
        for value in outcome.encode_outcomes("activate", items)
    ]


def test_a_record_larger_than_an_event_is_passed_over(harness: ReplayHarness) -> None:
    """Kafka would refuse it at the reprocess topic, each time again."""
    values = (b"{}", b" " * (MAX_EVENT_BYTES + 1), b" " * MAX_EVENT_BYTES)
    harness.publish(*(Message("source", b"k", value, [], 0) for value in values))

    counted = harness.replay()
    said = harness.replay("--apply", "--no-wait")

    assert "unreadable, skipped\t1" in counted
    assert "2 records selected" in counted
    assert "published: 2; unreadable, skipped: 1" in said


@pytest.mark.parametrize(
    ("topic", "headers", "expected"),
    [
        pytest.param(
            "source", [("ce_id", b"7")], {"ks.source.ce_id": b"7"}, id="source"
        ),
        pytest.param("t.events", [], {"ks.canonical": b"1"}, id="events"),
        pytest.param(
            "t.reprocess",
            [("ks.source.ce_id", b"7"), ("ks.canonical", b"1")],
            {"ks.source.ce_id": b"7", "ks.canonical": b"1"},
            id="reprocess",
        ),
    ],
)
def test_a_replayed_record_has_what_its_format_needs(
    harness: ReplayHarness,
    topic: str,
    headers: list[tuple[str, bytes]],
    expected: dict[str, bytes],
) -> None:
    """The producer's headers, and whether the value is an event already."""
    origin = [] if topic == "source" else [(ORIGIN_HEADER, b"source/0/7")]
    harness.publish(Message(topic, b"k", b"{}", [*origin, *headers], 0))

    harness.replay("--topic", topic, "--apply", "--no-wait")

    *_, replayed = read_topic(harness.kafka, "t.reprocess")
    kept = dict(replayed.headers() or [])
    names = ("ks.source.ce_id", "ks.canonical")
    assert {name: kept[name] for name in names if name in kept} == expected
    assert REPLAY_HEADER in kept


def test_a_replay_ends_when_each_origin_has(harness: ReplayHarness) -> None:
    """Of two records with one origin, a redelivery, there may be one outcome."""
    again = [(ORIGIN_HEADER, b"source/0/7")]
    harness.publish(
        Message("t.events", b"k", b"{}", again, 0),
        Message("t.events", b"k", b"{}", again, 0),
        Message("t.events", b"k", b"{}", [(ORIGIN_HEADER, b"source/0/8")], 0),
    )

    with workers(harness):
        said = harness.replay("--topic", "events", "--apply")

    assert "published: 3" in said
    assert "discarded" in said


def _stopped(harness: ReplayHarness) -> None:
    harness.publish(*(Message("source", b"k", b"{}", [], 0) for _ in range(3)))
    state = ReplayState(
        id=NAME,
        selection=ReplaySelection(topic="source"),
        bounds={0: (0, 3)},
        positions={0: 3},
        status=ReplayStatus.PUBLISHED,
    )
    harness.registry.save(state)
    harness.registry.stop(NAME)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_one_that_was_stopped_begins_again_wherever_its_resume_was_killed(
    harness: ReplayHarness, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Killed before its next write, it has all of its range before it still."""
    _stopped(harness)

    class Dying(ReplayStore):
        """Writes so often, and no more."""

        left = writes

        def _put(self, key: bytes, value: bytes | None) -> None:
            if not self.left:
                raise SystemExit(137)
            self.left -= 1
            super()._put(key, value)

    monkeypatch.setattr(replay_command, "ReplayStore", Dying)
    harness.replay("--resume", NAME)
    monkeypatch.undo()
    again = harness.replay("--resume", NAME, "--no-wait")

    assert f"replay {NAME}: 3 of 3 offsets left" in again
