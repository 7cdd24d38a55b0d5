"""Dead letters read, sent back into the journey, or put away: by commands."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from confluent_kafka import Message as Record

from agents.admin.topic_reader import (
    MissingRecord,
    ReadRecords,
    open_record_reader,
    read_topic,
)
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message
from agents.shared.reprocess import RecordPublisher, requeue_activation, requeue_event
from streams.dead_letters import resolutions
from streams.dead_letters.record import (
    DeadLetterRecord,
    RequeueRoute,
    TopicOffset,
    read_record,
)
from streams.dead_letters.requeue import REPLAY_MODES, RequeuePlan, RequeueRecord
from streams.dead_letters.resolutions import (
    Resolution,
    ResolutionAction,
    decode_resolution,
)
from streams.delivery import outcome
from streams.delivery.verdict import discarded
from streams.events.origin import Origin
from streams.settings import Settings
from streams.settings.model import LANES

STAGE = "deadletters"

DISCARDED_BY_OPERATOR = discarded("discarded-by-operator")

CHUNK_RECORDS = 200
"""Records durable before their dead letters count as handled: a command that is killed
leaves so many at most that the next one sends again."""


PROGRESS_EVERY_MS = 5_000
"""Ours: a reader is told so often how far it is."""


class NotRequeueable(NamedTuple):
    """A dead letter that cannot be requeued, and why, in kebab case."""

    record: DeadLetterRecord
    reason: str


class RequeueResult(NamedTuple):
    """What was sent, or would be, and what cannot be."""

    requeued: list[RequeueRecord]
    not_requeueable: list[NotRequeueable]


class DeadLetters:
    """The topic of dead letters and that of those handled.

    Args:
        settings: They name both, and the largest record.
        kafka: Where Kafka is.
        create_publisher: Gives what writes there.
    """

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaAccess,
        *,
        create_publisher: Callable[[KafkaAccess], RecordPublisher] = RecordPublisher,
    ) -> None:
        topics = settings.topics
        self._settings = settings
        self._kafka = kafka
        self._create_publisher = create_publisher
        self._internal_topics = {
            topics.events,
            topics.reprocess,
            *map(topics.activations, LANES),
        }

    def read_resolutions(self) -> dict[TopicOffset, Resolution]:
        """What was done with which.

        Raises:
            ConfigError: Kafka or the topic is not there.
        """
        resolutions: dict[TopicOffset, Resolution] = {}
        for record in read_topic(
            self._kafka, self._settings.topics.deadletters_resolved
        ):
            if resolution := decode_resolution(record.key(), record.value()):
                resolutions[resolution[0]] = resolution[1]
        return resolutions

    def read_all(self) -> Iterator[DeadLetterRecord]:
        """Every dead letter, with its value.

        Raises:
            ConfigError: Kafka or the topic is not there.
        """
        for record in read_topic(self._kafka, self._settings.topics.deadletters):
            yield _parse_record(record)

    def requeue(
        self,
        plan: RequeuePlan,
        *,
        replay: str,
        now_ms: Callable[[], int],
        apply: bool,
        report: Callable[[str], None] = lambda _: None,
    ) -> RequeueResult:
        """Send what can be sent, then note it; without `apply` only look.

        Args:
            plan: What is to be sent.
            replay: Names the command.
            now_ms: The clock.
            apply: Whether to do it.
            report: Told how far it is, now and then.

        Raises:
            ConfigError: Kafka does not take it. What is noted is done.
        """
        result = RequeueResult(
            [],
            [
                NotRequeueable(dead_letter, "origin-unknown")
                for dead_letter in plan.not_requeueable
            ],
        )
        publisher = self._create_publisher(self._kafka) if apply else None
        ordered = sorted(plan.records, key=self._value_origin)  # read in runs
        count, reported_ms = len(ordered), now_ms()
        with open_record_reader(self._kafka) as read_at:
            for start in range(0, count, CHUNK_RECORDS):
                chunk = ordered[start : start + CHUNK_RECORDS]
                values = self._read_values(chunk, read_at, with_dead_letters=apply)
                requeueable = self._select_requeueable(chunk, values, result)
                if publisher is not None:
                    resolution = Resolution(
                        action=ResolutionAction.REQUEUED, at_ms=now_ms(), replay=replay
                    )
                    self._publish_requeues(publisher, requeueable, values, resolution)
                processed = start + len(chunk)
                if processed == count or now_ms() - reported_ms >= PROGRESS_EVERY_MS:
                    reported_ms = now_ms()
                    report(f"{processed} of {count} records")
        return result

    def _select_requeueable(
        self,
        requeues: Sequence[RequeueRecord],
        values: dict[Origin, Record | MissingRecord],
        result: RequeueResult,
    ) -> list[RequeueRecord]:
        """Note which can be sent and which cannot; give those that can."""
        reasons = [
            (requeue, self._requeue_problem(requeue, values)) for requeue in requeues
        ]
        requeueable = [requeue for requeue, problem in reasons if not problem]
        result.requeued.extend(requeueable)
        result.not_requeueable.extend(
            NotRequeueable(dead_letter, problem)
            for requeue, problem in reasons
            if problem
            for dead_letter in requeue.dead_letters
        )
        return requeueable

    def _publish_requeues(
        self,
        publisher: RecordPublisher,
        requeues: Sequence[RequeueRecord],
        values: dict[Origin, Record | MissingRecord],
        resolution: Resolution,
    ) -> None:
        """Send records, then note their dead letters."""
        publisher.publish(
            [
                self._build_message(requeue, values, replay=resolution.replay)
                for requeue in requeues
            ]
        )
        dead_letters = [
            dead_letter for requeue in requeues for dead_letter in requeue.dead_letters
        ]
        publisher.publish(self._resolution_messages(dead_letters, resolution))

    def discard(
        self, dead_letters: Sequence[DeadLetterRecord], resolution: Resolution
    ) -> None:
        """Put them away for good, with an outcome each.

        Raises:
            ConfigError: Kafka does not take it. What is noted is done.
        """
        publisher = self._create_publisher(self._kafka)
        items = [
            outcome.outcome_item(
                dead_letter.dead_letter.origin
                if dead_letter.dead_letter
                else self._dead_letter_origin(dead_letter),
                DISCARDED_BY_OPERATOR,
                replay=dead_letter.dead_letter.replay
                if dead_letter.dead_letter
                else "",
            )
            for dead_letter in dead_letters
        ]
        topic = self._settings.topics.outcomes
        values = outcome.encode_outcomes(STAGE, items)
        publisher.publish([Message(topic, None, value) for value in values])
        publisher.publish(self._resolution_messages(dead_letters, resolution))

    def _read_values(
        self,
        requeues: Sequence[RequeueRecord],
        read_at: ReadRecords,
        *,
        with_dead_letters: bool,
    ) -> dict[Origin, Record | MissingRecord]:
        """Records that sendings take their values from, as far as they are wanted."""
        origins = [
            self._value_origin(requeue)
            for requeue in requeues
            if with_dead_letters or requeue.route is RequeueRoute.SOURCE
        ]
        return dict(read_at(origins))

    def _value_origin(self, requeue: RequeueRecord) -> Origin:
        """Where a sending takes its value from."""
        return (
            requeue.origin
            if requeue.route is RequeueRoute.SOURCE
            else self._dead_letter_origin(requeue.dead_letters[0])
        )

    def _dead_letter_origin(self, dead_letter: DeadLetterRecord) -> Origin:
        partition, offset = dead_letter.topic_offset
        topic = self._settings.topics.deadletters
        return Origin(topic=topic, partition=partition, offset=offset)

    def _requeue_problem(
        self, requeue: RequeueRecord, values: dict[Origin, Record | MissingRecord]
    ) -> str:
        """Why one cannot be sent; empty when it can, as far as anybody has looked."""
        if (
            requeue.route is RequeueRoute.SOURCE
            and requeue.origin.topic in self._internal_topics
        ):
            return "no-source"
        record = values.get(self._value_origin(requeue))
        value_source = (
            "source" if requeue.route is RequeueRoute.SOURCE else "dead-letter"
        )
        if record is None:
            return ""
        if isinstance(record, MissingRecord):
            return f"{value_source}-{record}"
        is_replaced = requeue.source_ms and record.timestamp()[1] != requeue.source_ms
        if requeue.route is RequeueRoute.SOURCE and is_replaced:
            return f"source-{MissingRecord.MISSING}"
        too_large = len(record.value() or b"") > self._settings.max_event_bytes
        return "too-large" if too_large else ""

    def _build_message(
        self,
        requeue: RequeueRecord,
        values: dict[Origin, Record | MissingRecord],
        *,
        replay: str,
    ) -> Message:
        record = values[self._value_origin(requeue)]
        assert not isinstance(record, MissingRecord)  # noqa: S101 - `_why_not` has looked
        build_record = (
            partial(requeue_activation, user=record.key())
            if requeue.route is RequeueRoute.ACTIVATION
            else partial(
                requeue_event, key=record.key(), failed_lanes=requeue.failed_lanes
            )
        )
        return build_record(
            self._settings.topics,
            record.value(),
            origin=requeue.origin,
            source_ms=requeue.source_ms or requeue.dead_letters[0].timestamp_ms,
            replay=replay,
            mode=REPLAY_MODES[requeue.route],
        )

    def _resolution_messages(
        self, dead_letters: Iterable[DeadLetterRecord], resolution: Resolution
    ) -> list[Message]:
        return [
            Message(
                self._settings.topics.deadletters_resolved,
                str(dead_letter.topic_offset).encode(),
                resolutions.encode_resolution(
                    resolutions.resolution_for(resolution, dead_letter)
                ),
            )
            for dead_letter in dead_letters
        ]


def _parse_record(record: Record) -> DeadLetterRecord:
    partition, offset = record.partition(), record.offset()
    assert partition is not None  # noqa: S101 - only errors have no place
    assert offset is not None  # noqa: S101 - only errors have no place
    headers = record.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return read_record(
        TopicOffset(partition, offset),
        timestamp_ms=record.timestamp()[1],
        headers=[
            (name, text.encode() if isinstance(text, str) else text)
            for name, text in pairs
        ],
        key=record.key(),
        value=record.value(),
    )
