"""A broker with topics of dead letters, and the command line before it."""

from collections.abc import Iterator
from contextlib import contextmanager

from click.testing import CliRunner, Result

from agents.admin.publisher import RecordPublisher
from agents.admin.topic_reader import read_topic
from agents.cli import main
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message
from agents.shared.context import kafka_access
from agents.shared.embedded_broker import EmbeddedBroker
from streams.dead_letters import encoding
from streams.dead_letters.encoding import DeadLetter
from streams.events.canonical_event import Origin
from streams.settings import Settings, load_settings

KEY = "pk_" + "5ecret" * 5
ADDRESS = "ada@example.com"


class DeadLetterHarness:
    """The command line, and what it leaves in Kafka."""

    def __init__(self, bootstrap: str) -> None:
        self._environ = {
            "KLAVIYO_API_KEY": KEY,
            "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KLAVIYO_STREAMS_TOPIC_PREFIX": "t.",
            "KLAVIYO_STREAMS_SOURCE_TOPICS": "source",
        }
        self.publisher = RecordPublisher(self.kafka)

    @property
    def settings(self) -> Settings:
        """As the commands have them."""
        return load_settings(self._environ)

    @property
    def kafka(self) -> KafkaAccess:
        """Access to the embedded broker."""
        return kafka_access(self.settings)

    def publish_dead_letters(self, *dead_letters: DeadLetter) -> None:
        """Keep dead letters, in the partition 0."""
        self.publisher.publish(
            [
                Message(
                    self.settings.topics.deadletters,
                    dead_letter.key,
                    encoding.encode_value(dead_letter),
                    encoding.encode_headers(dead_letter, connector="app"),
                    0,
                )
                for dead_letter in dead_letters
            ]
        )

    def run(self, *arguments: str) -> Result:
        """Type a command; it tells no key and no traceback."""
        command = ["deadletters", *arguments]
        result = CliRunner().invoke(main, command, env=self._environ)
        assert KEY not in result.output
        assert "Traceback" not in result.output
        return result

    def output_of(self, *arguments: str, code: int = 0) -> str:
        """Type one that goes well, or ends with another code."""
        result = self.run(*arguments)
        assert result.exit_code == code, result.output
        return result.output

    def headers(self, topic: str, name: str) -> list[bytes]:
        """Return one header of all records in a topic."""
        records = read_topic(self.kafka, topic)
        found = [dict(record.headers() or [])[name] for record in records]
        assert all(isinstance(value, bytes) for value in found)
        return [value for value in found if isinstance(value, bytes)]

    def values(self, topic: str) -> list[bytes | None]:
        """All of a topic."""
        return [record.value() for record in read_topic(self.kafka, topic)]

    def modes(self, topic: str) -> list[tuple[bytes, bytes | None, bytes | None]]:
        """Mode, key and value of all of a topic."""
        pairs = [(one.key(), one.value()) for one in read_topic(self.kafka, topic)]
        modes = self.headers(topic, "ks.replay-mode")
        return [(mode, *record) for mode, record in zip(modes, pairs, strict=True)]


@contextmanager
def open_harness() -> Iterator[DeadLetterHarness]:
    """Open a harness with empty topics."""
    with EmbeddedBroker() as broker:
        broker.create_topics(
            "source",
            *(f"t.{name}" for name in ("deadletters", "deadletters-resolved")),
            *(f"t.{name}" for name in ("reprocess", "events", "outcomes")),
        )
        yield DeadLetterHarness(broker.bootstrap)


def dead_letter_at(offset: int = 0, **changes: object) -> DeadLetter:
    """A dead letter of a source record; `told` is other than usual."""
    usual = {
        "origin": Origin(topic="source", partition=0, offset=offset),
        "stage": "intake",
        "code": "not-json",
        "reason": "not a JSON text",
        "key": b"k",
        "value": b'{"email": "%s"}' % ADDRESS.encode(),
    }
    return DeadLetter(**(usual | changes))  # type: ignore[arg-type] # one field each
