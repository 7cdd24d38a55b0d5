"""Dead letters, listed, requeued and discarded by commands."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple

from confluent_kafka import Message as Record

from agents.admin.publisher import RecordPublisher
from agents.admin.topic_reader import (
    MissingRecord,
    TopicReader,
    headers_of,
    partition_and_offset,
    read_topic,
)
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message
from agents.shared.reprocess import requeue_activation, requeue_event
from streams.actions.activation import decode_activation
from streams.dead_letters.record import (
    DeadLetterRecord,
    RequeueRoute,
    TopicOffset,
    is_row_of_sync,
    read_record,
)
from streams.dead_letters.requeue import REPLAY_MODES, RequeuePlan, RequeueRecord
from streams.dead_letters.resolutions import (
    Resolution,
    ResolutionAction,
    decode_resolution,
    encode_resolution,
    resolution_for,
)
from streams.delivery import outcome
from streams.delivery.verdict import discarded
from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin
from streams.settings import Settings

STAGE = "deadletters"

DISCARDED_BY_OPERATOR = discarded("discarded-by-operator")

CHUNK_RECORDS = 200
"""Records that are durable before their dead letters are marked as resolved. The next
command sends at most so many records twice if this command is killed."""

PROGRESS_EVERY_MS = 5_000
"""Time between two lines of progress."""

Values = dict[Origin, Record | MissingRecord]
"""Records that the values to send come from, by origin."""


class NotRequeueable(NamedTuple):
    """Dead letter that cannot be requeued, with the reason in kebab case."""

    record: DeadLetterRecord
    reason: str


class RequeueResult(NamedTuple):
    """Records that were sent, or would be sent, and dead letters that cannot be."""

    requeued: list[RequeueRecord]
    not_requeueable: list[NotRequeueable]


class DeadLetters:
    """The topic of dead letters, and the topic of resolutions.

    Args:
        settings: Names of the topics, and the largest size of an event.
        kafka: Broker addresses and credentials.
        create_publisher: Creates the publisher of records.
    """

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaAccess,
        *,
        create_publisher: Callable[[KafkaAccess], RecordPublisher] = RecordPublisher,
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._create_publisher = create_publisher

    def read_resolutions(self) -> dict[TopicOffset, Resolution]:
        """Return the resolution of each resolved dead letter.

        Raises:
            ConfigError: Kafka does not answer, or the topic does not exist.
        """
        topic = self._settings.topics.deadletters_resolved
        rows = (
            decode_resolution(record.key(), record.value())
            for record in read_topic(self._kafka, topic)
        )
        return dict(row for row in rows if row)

    def read_all(self) -> Iterator[DeadLetterRecord]:
        """Yield every dead letter, with the value of the record.

        Raises:
            ConfigError: Kafka does not answer, or the topic does not exist.
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
        """Send the records of a plan, then mark the dead letters as resolved.

        Args:
            plan: Records to send.
            replay: Id of the command.
            now_ms: The clock.
            apply: False to check the records and send none.
            report: Receives a line of progress from time to time.

        Raises:
            ConfigError: Kafka does not accept a record. Dead letters that are marked as
                resolved were sent.
        """
        publisher = self._create_publisher(self._kafka) if apply else None
        requeuer = _Requeuer(self._settings, plan)
        count, reported_ms = len(plan.records), now_ms()
        with closing(TopicReader(self._kafka)) as reader:
            for start in range(0, count, CHUNK_RECORDS):
                chunk = requeuer.ordered[start : start + CHUNK_RECORDS]
                values = dict(reader.read_at(requeuer.value_origins(chunk, all_=apply)))
                requeueable = requeuer.select(chunk, values)
                if publisher is not None:
                    publisher.publish(
                        [requeuer.message(item, values, replay) for item in requeueable]
                    )
                    resolved = [x for item in requeueable for x in item.dead_letters]
                    resolution = _requeued(at_ms=now_ms(), replay=replay)
                    publisher.publish(self._resolve(resolved, resolution))
                processed = start + len(chunk)
                if processed == count or now_ms() - reported_ms >= PROGRESS_EVERY_MS:
                    reported_ms = now_ms()
                    report(f"{processed} of {count} records")
        return requeuer.result

    def discard(
        self, dead_letters: Sequence[DeadLetterRecord], resolution: Resolution
    ) -> None:
        """Record an outcome for each dead letter, then mark each as resolved.

        Raises:
            ConfigError: Kafka does not accept a record. Dead letters that are marked as
                resolved have their outcome.
        """
        publisher = self._create_publisher(self._kafka)
        topics = self._settings.topics
        items = [_outcome_of(record, topics.deadletters) for record in dead_letters]
        values = outcome.encode_outcomes(STAGE, items)
        publisher.publish([Message(topics.outcomes, None, value) for value in values])
        publisher.publish(self._resolve(dead_letters, resolution))

    def _resolve(
        self, dead_letters: Iterable[DeadLetterRecord], resolution: Resolution
    ) -> list[Message]:
        return [
            Message(
                self._settings.topics.deadletters_resolved,
                str(dead_letter.topic_offset).encode(),
                encode_resolution(resolution_for(resolution, dead_letter)),
            )
            for dead_letter in dead_letters
        ]


class _Requeuer:
    """Requeue of a plan's records, with a result for each.

    Args:
        settings: Names of the topics, and the largest size of an event.
        plan: Records to send.

    Attributes:
        ordered: Records in the order of the topics that the values are read from.
        result: Records that can be sent, and dead letters that cannot.
    """

    def __init__(self, settings: Settings, plan: RequeuePlan) -> None:
        topics = settings.topics
        self._topics = topics
        self._max_event_bytes = settings.max_event_bytes
        lane_topics = topics.activations.values()
        self._internal_topics = {topics.events, topics.reprocess, *lane_topics}
        self.ordered = sorted(plan.records, key=self._value_origin)
        unknown = [NotRequeueable(x, "origin-unknown") for x in plan.not_requeueable]
        self.result = RequeueResult([], unknown)

    def value_origins(
        self, requeues: Iterable[RequeueRecord], *, all_: bool
    ) -> list[Origin]:
        """Return the origins of the values to send.

        Args:
            requeues: Records to send.
            all_: Include values in the dead letters themselves, which need no check.
        """
        return [
            self._value_origin(requeue)
            for requeue in requeues
            if (all_ or requeue.route is RequeueRoute.SOURCE)
            and not is_row_of_sync(requeue.origin)
        ]

    def select(
        self, requeues: Sequence[RequeueRecord], values: Values
    ) -> list[RequeueRecord]:
        """Return the records that can be sent, and add all to the result."""
        problems = [(requeue, self._problem(requeue, values)) for requeue in requeues]
        requeueable = [requeue for requeue, problem in problems if not problem]
        self.result.requeued.extend(requeueable)
        self.result.not_requeueable.extend(
            NotRequeueable(dead_letter, problem)
            for requeue, problem in problems
            if problem
            for dead_letter in requeue.dead_letters
        )
        return requeueable

    def message(self, requeue: RequeueRecord, values: Values, replay: str) -> Message:
        """Build the message that sends a record again."""
        record = values[self._value_origin(requeue)]
        assert not isinstance(record, MissingRecord)  # noqa: S101 - `select` checks
        build = (
            partial(requeue_activation, user=_user_key_of(record))
            if requeue.route is RequeueRoute.ACTIVATION
            else partial(
                requeue_event,
                key=record.key(),
                failed_lanes=requeue.failed_lanes,
                source_headers=_source_headers(requeue, record),
                is_canonical=_is_canonical(requeue),
            )
        )
        return build(
            self._topics,
            record.value(),
            origin=requeue.origin,
            source_ms=requeue.source_ms or requeue.dead_letters[0].timestamp_ms,
            replay=replay,
            mode=REPLAY_MODES[requeue.route],
        )

    def _value_origin(self, requeue: RequeueRecord) -> Origin:
        if requeue.route is RequeueRoute.SOURCE:
            return requeue.origin
        return _origin_of(requeue.dead_letters[0], self._topics.deadletters)

    def _problem(self, requeue: RequeueRecord, values: Values) -> str:
        """Return the reason why a record cannot be sent; empty if none is known."""
        if is_row_of_sync(requeue.origin):
            return "row-of-sync"
        is_source = requeue.route is RequeueRoute.SOURCE
        if is_source and requeue.origin.topic in self._internal_topics:
            return "no-source"
        record = values.get(self._value_origin(requeue))
        if record is None:
            return ""
        if isinstance(record, MissingRecord):
            return f"{'source' if is_source else 'dead-letter'}-{record}"
        is_replaced = requeue.source_ms and record.timestamp()[1] != requeue.source_ms
        if is_source and is_replaced:
            return f"source-{MissingRecord.MISSING}"
        is_too_large = len(record.value() or b"") > self._max_event_bytes
        return "too-large" if is_too_large else ""


def _source_headers(requeue: RequeueRecord, record: Record) -> Mapping[str, bytes]:
    """Return the producer's headers, of the source record or as the dead letter has."""
    dead_letter = requeue.dead_letters[0].dead_letter
    if requeue.route is RequeueRoute.SOURCE or dead_letter is None:
        return dict(headers_of(record))
    return dead_letter.source_headers


def _user_key_of(record: Record) -> bytes | None:
    """Return the user key of an activation; that of its record may be an edge's."""
    try:
        return decode_activation(record.value()).user.encode()
    except PoisonRecord:
        return record.key()


def _is_canonical(requeue: RequeueRecord) -> bool:
    """Return True if the value to send is no longer in the source's format."""
    dead_letter = requeue.dead_letters[0].dead_letter
    is_source = requeue.route is RequeueRoute.SOURCE
    return not is_source and dead_letter is not None and dead_letter.is_canonical


def _requeued(*, at_ms: int, replay: str) -> Resolution:
    return Resolution(action=ResolutionAction.REQUEUED, at_ms=at_ms, replay=replay)


def _origin_of(dead_letter: DeadLetterRecord, topic: str) -> Origin:
    partition, offset = dead_letter.topic_offset
    return Origin(topic=topic, partition=partition, offset=offset)


def _outcome_of(record: DeadLetterRecord, topic: str) -> outcome.OutcomeItem:
    if record.dead_letter is None:
        origin = _origin_of(record, topic)
        return outcome.outcome_item(origin, DISCARDED_BY_OPERATOR, replay="")
    return outcome.outcome_item(
        record.dead_letter.origin,
        DISCARDED_BY_OPERATOR,
        replay=record.dead_letter.replay,
    )


def _parse_record(record: Record) -> DeadLetterRecord:
    return read_record(
        TopicOffset(*partition_and_offset(record)),
        timestamp_ms=record.timestamp()[1],
        headers=headers_of(record),
        key=record.key(),
        value=record.value(),
    )
