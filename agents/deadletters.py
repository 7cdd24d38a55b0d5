"""Dead letters read, sent back into the journey, or put away: by commands."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from confluent_kafka import Message as Record

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message
from agents.reading import Gone, ReadPlaces, place_reader, read_whole
from agents.reentry import Publisher, activation_again, event_again
from streams.delivery import handled, outcome
from streams.delivery.handled import Action, Handled
from streams.delivery.letters import Place, StoredLetter, Way, stored
from streams.delivery.requeue import MODE, Plan, Sending
from streams.delivery.verdict import discarded
from streams.events.origin import Origin
from streams.settings import Settings
from streams.settings.model import LANES

STAGE = "deadletters"

DISCARDED = discarded("discarded-by-operator")

AT_ONCE = 200
"""Records durable before their dead letters count as handled: a command that is killed
leaves so many at most that the next one sends again."""


SAY_EVERY_MS = 5_000
"""Ours: a reader is told so often how far it is."""


class Stuck(NamedTuple):
    """A dead letter that cannot be requeued, and why, in kebab case."""

    letter: StoredLetter
    why: str


class Requeued(NamedTuple):
    """What was sent, or would be, and what cannot be."""

    sendings: list[Sending]
    stuck: list[Stuck]


class DeadLetters:
    """The topic of dead letters and that of those handled.

    Args:
        settings: They name both, and the largest record.
        kafka: Where Kafka is.
        connect: Gives what writes there.
    """

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaAccess,
        *,
        connect: Callable[[KafkaAccess], Publisher] = Publisher,
    ) -> None:
        topics = settings.topics
        self._settings = settings
        self._kafka = kafka
        self._connect = connect
        self._ours = {topics.events, topics.reentry, *map(topics.activations, LANES)}

    def handled(self) -> dict[Place, Handled]:
        """What was done with which.

        Raises:
            ConfigError: Kafka or the topic is not there.
        """
        rows: dict[Place, Handled] = {}
        for record in read_whole(self._kafka, self._settings.topics.handled):
            if row := handled.read_row(record.key(), record.value()):
                rows[row[0]] = row[1]
        return rows

    def all(self) -> Iterator[StoredLetter]:
        """Every dead letter, with its value.

        Raises:
            ConfigError: Kafka or the topic is not there.
        """
        for record in read_whole(self._kafka, self._settings.topics.deadletters):
            yield _stored(record)

    def requeue(
        self,
        plan: Plan,
        *,
        replay: str,
        now_ms: Callable[[], int],
        apply: bool,
        say: Callable[[str], None] = lambda _: None,
    ) -> Requeued:
        """Send what can be sent, then note it; without `apply` only look.

        Args:
            plan: What is to be sent.
            replay: Names the command.
            now_ms: The clock.
            apply: Whether to do it.
            say: Told how far it is, now and then.

        Raises:
            ConfigError: Kafka does not take it. What is noted is done.
        """
        done = Requeued([], [Stuck(letter, "origin-unknown") for letter in plan.lost])
        publisher = self._connect(self._kafka) if apply else None
        ordered = sorted(plan.sendings, key=self._value_of)  # read in runs
        count, said_ms = len(ordered), now_ms()
        with place_reader(self._kafka) as read:
            for start in range(0, count, AT_ONCE):
                sendings = ordered[start : start + AT_ONCE]
                found = self._found(sendings, read, with_letters=apply)
                able = self._sorted_out(sendings, found, done)
                if publisher is not None:
                    noted = Handled(
                        action=Action.REQUEUED, at_ms=now_ms(), replay=replay
                    )
                    self._send(publisher, able, found, noted)
                seen = start + len(sendings)
                if seen == count or now_ms() - said_ms >= SAY_EVERY_MS:
                    said_ms = now_ms()
                    say(f"{seen} of {count} records")
        return done

    def _sorted_out(
        self,
        sendings: Sequence[Sending],
        found: dict[Origin, Record | Gone],
        done: Requeued,
    ) -> list[Sending]:
        """Note which can be sent and which cannot; give those that can."""
        reasons = [(one, self._why_not(one, found)) for one in sendings]
        able = [one for one, why in reasons if not why]
        done.sendings.extend(able)
        done.stuck.extend(
            Stuck(letter, why) for one, why in reasons if why for letter in one.letters
        )
        return able

    def _send(
        self,
        publisher: Publisher,
        able: Sequence[Sending],
        found: dict[Origin, Record | Gone],
        noted: Handled,
    ) -> None:
        """Send records, then note their dead letters."""
        publisher.publish(
            [self._message(one, found, replay=noted.replay) for one in able]
        )
        letters = [letter for one in able for letter in one.letters]
        publisher.publish(self._rows(letters, noted))

    def discard(self, letters: Sequence[StoredLetter], noted: Handled) -> None:
        """Put them away for good, with an outcome each.

        Raises:
            ConfigError: Kafka does not take it. What is noted is done.
        """
        publisher = self._connect(self._kafka)
        items = [
            outcome.item(
                one.letter.origin if one.letter else self._place_of(one),
                DISCARDED,
                replay=one.letter.replay if one.letter else "",
            )
            for one in letters
        ]
        topic = self._settings.topics.outcomes
        values = outcome.encode(STAGE, items)
        publisher.publish([Message(topic, None, value) for value in values])
        publisher.publish(self._rows(letters, noted))

    def _found(
        self, sendings: Sequence[Sending], read: ReadPlaces, *, with_letters: bool
    ) -> dict[Origin, Record | Gone]:
        """Records that sendings take their values from, as far as they are wanted."""
        places = [
            self._value_of(one)
            for one in sendings
            if with_letters or one.way is Way.SOURCE
        ]
        return dict(read(places))

    def _value_of(self, one: Sending) -> Origin:
        """Where a sending takes its value from."""
        return one.origin if one.way is Way.SOURCE else self._place_of(one.letters[0])

    def _place_of(self, one: StoredLetter) -> Origin:
        partition, offset = one.place
        topic = self._settings.topics.deadletters
        return Origin(topic=topic, partition=partition, offset=offset)

    def _why_not(self, one: Sending, found: dict[Origin, Record | Gone]) -> str:
        """Why one cannot be sent; empty when it can, as far as anybody has looked."""
        if one.way is Way.SOURCE and one.origin.topic in self._ours:
            return "no-source"
        record = found.get(self._value_of(one))
        whose = "source" if one.way is Way.SOURCE else "dead-letter"
        if record is None:
            return ""
        if isinstance(record, Gone):
            return f"{whose}-{record}"
        is_other = one.source_ms and record.timestamp()[1] != one.source_ms
        if one.way is Way.SOURCE and is_other:
            return f"source-{Gone.MISSING}"
        too_large = len(record.value() or b"") > self._settings.max_event_bytes
        return "too-large" if too_large else ""

    def _message(
        self, one: Sending, found: dict[Origin, Record | Gone], *, replay: str
    ) -> Message:
        record = found[self._value_of(one)]
        assert not isinstance(record, Gone)  # noqa: S101 - `_why_not` has looked
        again = (
            partial(activation_again, user=record.key())
            if one.way is Way.ACTIVATION
            else partial(event_again, key=record.key(), failed_lanes=one.failed_lanes)
        )
        return again(
            self._settings.topics,
            record.value(),
            origin=one.origin,
            source_ms=one.source_ms or one.letters[0].at_ms,
            replay=replay,
            mode=MODE[one.way],
        )

    def _rows(self, letters: Iterable[StoredLetter], noted: Handled) -> list[Message]:
        return [
            Message(
                self._settings.topics.handled,
                str(one.place).encode(),
                handled.encode(handled.of(noted, one)),
            )
            for one in letters
        ]


def _stored(record: Record) -> StoredLetter:
    partition, offset = record.partition(), record.offset()
    assert partition is not None  # noqa: S101 - only errors have no place
    assert offset is not None  # noqa: S101 - only errors have no place
    headers = record.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return stored(
        Place(partition, offset),
        at_ms=record.timestamp()[1],
        headers=[
            (name, text.encode() if isinstance(text, str) else text)
            for name, text in pairs
        ],
        key=record.key(),
        value=record.value(),
    )
