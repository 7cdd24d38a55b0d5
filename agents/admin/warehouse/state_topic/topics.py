"""Topics of the states of syncs: manifests by sync, and the chunks of their segments.

Both are compacted, with one partition. The keys of the topic of manifests are `NAME`
and `NAME/holder`; those of the topic of rows are `NAME/SEGMENT/CHUNK`.
"""

import msgspec

from agents.engine.producer import Message
from streams.errors import ConfigError
from streams.settings import Topics
from streams.warehouse.manifest import Manifest


class StateTopics:
    """Records of one sync in the two topics, and their faults.

    Args:
        topics: Names of the topics.
        sync: Name of the sync.

    Attributes:
        sync: Name of the sync.
        manifests: Topic of the manifests.
        rows: Topic of the chunks.
    """

    def __init__(self, topics: Topics, *, sync: str) -> None:
        self.sync = sync
        self.manifests, self.rows = topics.sync_state, topics.sync_state_rows

    def manifest_message(self, manifest: Manifest) -> Message:
        """Return the record of a manifest."""
        value = msgspec.json.encode(manifest)
        return Message(self.manifests, self.sync.encode(), value, partition=0)

    def holder_message(self, holder: str) -> Message:
        """Return the record that a new holder writes before it reads the manifest."""
        return Message(self.manifests, self.holder_key, holder.encode(), partition=0)

    @property
    def holder_key(self) -> bytes:
        """Key of the record that names the holder."""
        return f"{self.sync}/holder".encode()

    def chunk_key(self, number: int, index: int) -> bytes:
        """Return the key of a chunk: its segment, and its position in the segment."""
        return f"{self.sync}/{number}/{index}".encode()

    def chunk_message(self, number: int, index: int, value: bytes) -> Message:
        """Return the record of a chunk."""
        return Message(self.rows, self.chunk_key(number, index), value, partition=0)

    def tombstone(self, key: bytes) -> Message:
        """Return the record by which Kafka forgets a chunk."""
        return Message(self.rows, key, None, partition=0)

    def damage(self, problem: str) -> ConfigError:
        """Return the error for a state that is not as it was written."""
        fix = "klaviyo-streams sync reset starts again with a first run"
        return ConfigError(
            [f"sync: {self.sync}: state in {self.rows} is damaged: {problem}; {fix}"]
        )

    def loss(self) -> ConfigError:
        """Return the error for a manifest that this machine knows and Kafka has not."""
        problem = "has no state of this sync, but this machine has a copy of one"
        fix = (
            "check kafka_bootstrap_servers and topic_prefix; to go on with the copy, "
            "run once with `state: file`, and to begin again run `sync reset`"
        )
        return ConfigError(
            [f"sync: {self.sync}: topic {self.manifests} {problem}; {fix}"]
        )

    def refusal(self, topic: str) -> ConfigError:
        """Return the error for a record that the topic is not configured for."""
        problem = "refuses a record of 1 MB; raise its max.message.bytes to 1048588"
        return ConfigError([f"topic {topic}: {problem}"])
