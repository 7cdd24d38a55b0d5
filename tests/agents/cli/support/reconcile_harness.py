"""A table and a Klaviyo that differ, and `reconcile` before them."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import orjson
from click.testing import CliRunner, Result

from agents.admin.publisher import RecordPublisher
from agents.admin.topic_reader import read_topic
from agents.cli import main
from agents.engine.producer import Message
from agents.shared.context import kafka_access
from agents.shared.embedded_broker import EmbeddedBroker
from streams.actions.activation import Activation, decode_activation
from streams.audiences import list_mapping
from streams.audiences.list_mapping import ListMapping
from streams.events.canonical_event import SOURCE_TIME_HEADER, Origin
from streams.settings import load_settings
from streams.state.entries import LastWrite
from streams.state.user_entries import UserEntries, encode_entries
from tests.journeys.klaviyo import Klaviyo

SOURCE = "source"


class ReconcileHarness:
    """The command line, what it reads, and what it leaves in Kafka."""

    def __init__(self, bootstrap: str, klaviyo: Klaviyo) -> None:
        self.klaviyo = klaviyo
        self.environ = {
            "KLAVIYO_API_KEY": "pk_" + "5ecret" * 5,
            "KLAVIYO_STREAMS_KLAVIYO_URL": klaviyo.url,
            "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KLAVIYO_STREAMS_TOPIC_PREFIX": "t.",
            "KLAVIYO_STREAMS_SOURCE_TOPICS": SOURCE,
        }
        self._settings = load_settings(self.environ)
        self._publisher = RecordPublisher(kafka_access(self._settings))

    def store_memberships(self, user: str, offset: int = 0, **inside: bool) -> None:
        """Store a user's memberships in the table, by audience.

        Args:
            user: The user key.
            offset: Where the record lies that said so; there need be none.
            inside: Audience → whether they are in it.
        """
        memberships = {
            audience: LastWrite(
                inside=is_in,
                time_ms=1_000 + offset,
                origin=Origin(topic=SOURCE, partition=0, offset=offset),
            )
            for audience, is_in in inside.items()
        }
        topic = self._settings.topics.memberships_changelog
        entries = encode_entries(user, UserEntries(memberships=memberships))
        self._publisher.publish([Message(topic, *entry) for entry in entries])

    def publish(self, *events: dict[str, Any]) -> None:
        """Publish records to the source topic, from offset 0."""
        self._publisher.publish(
            [Message(SOURCE, b"k", orjson.dumps(event), [], 0) for event in events]
        )

    def create_list(self, audience: str, members: Sequence[dict[str, str]]) -> str:
        """Create a list with these members for an audience; return the list id."""
        body = [{"name": audience, "members": list(members)}]
        [list_id] = self.klaviyo.ask("POST", "lists", body)["ids"]
        value = list_mapping.encode_json(ListMapping(list_id=list_id))
        topic = self._settings.topics.audience_lists
        self._publisher.publish([Message(topic, audience.encode(), value)])
        return str(list_id)

    def run(self, *arguments: str, **environ: str) -> Result:
        """Type a command; it tells no traceback."""
        result = CliRunner().invoke(
            main, ["reconcile", *arguments], env=self.environ | environ
        )
        assert "Traceback" not in result.output
        return result

    def sent(self) -> list[Activation]:
        """Repairs so far, as activate gets them."""
        records = read_topic(kafka_access(self._settings), self._settings.topics.events)
        return [decode_activation(record.value()) for record in records]

    def sent_at(self) -> list[bytes]:
        """Return the source times in the headers of the repairs."""
        records = read_topic(kafka_access(self._settings), self._settings.topics.events)
        found = [dict(record.headers() or [])[SOURCE_TIME_HEADER] for record in records]
        return [value for value in found if isinstance(value, bytes)]

    def written_at(self) -> list[bytes]:
        """Return the timestamps of the source records, milliseconds since the epoch."""
        records = read_topic(kafka_access(self._settings), SOURCE)
        return [b"%d" % record.timestamp()[1] for record in records]


@contextmanager
def open_harness() -> Iterator[ReconcileHarness]:
    """Empty topics, and a Klaviyo without quotas."""
    with closing(Klaviyo("--no-quotas")) as klaviyo, EmbeddedBroker() as broker:
        broker.create_topics(
            SOURCE,
            *(f"t.{name}" for name in ("memberships-changelog", "audience-lists")),
            *(f"t.{name}" for name in ("events", "outcomes")),
        )
        yield ReconcileHarness(broker.bootstrap, klaviyo)
