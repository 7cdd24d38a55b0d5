"""What a worker is told, as one frozen record."""

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Partitions = Annotated[int, Meta(ge=1, le=10_000)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
LongSeconds = Annotated[float, Meta(gt=0, le=315_360_000)]
StageName = Literal["intake", "activate", "deliver"]
LaneName = Literal["consent", "lists", "events", "profiles", "privacy"]
LANES: tuple[LaneName, ...] = get_args(LaneName)


class Secret:
    """Text that no log, traceback or encoder shows; falsy where there is none."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, to the one call that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)" if self else "Secret()"


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """Names of this project's own topics."""

    prefix: str

    @property
    def events(self) -> str:
        """Canonical events, keyed by user."""
        return f"{self.prefix}events"

    def activations(self, lane: str) -> str:
        """Give the topic of a lane, keyed by user."""
        return f"{self.prefix}activations.{lane}"

    @property
    def list_requests(self) -> str:
        """Requests to find or create a list, keyed by audience."""
        return f"{self.prefix}list-requests"

    @property
    def audience_lists(self) -> str:
        """Audience → list id; compacted."""
        return f"{self.prefix}audience-lists"

    @property
    def memberships_changelog(self) -> str:
        """User → row of the memberships table; compacted."""
        return f"{self.prefix}memberships-changelog"

    @property
    def reprocess(self) -> str:
        """Source records that are taken in again, with their origin in a header."""
        return f"{self.prefix}reprocess"

    @property
    def replays(self) -> str:
        """Replay → what it takes and how far it is; compacted."""
        return f"{self.prefix}replays"

    @property
    def offset_backup(self) -> str:
        """Group and partition → offset, in case Kafka forgets it; compacted."""
        return f"{self.prefix}offset-backup"

    @property
    def deadletters_resolved(self) -> str:
        """Dead letter → what a person did with it; compacted."""
        return f"{self.prefix}deadletters-resolved"

    @property
    def outcomes(self) -> str:
        """What became of every record."""
        return f"{self.prefix}outcomes"

    @property
    def deadletters(self) -> str:
        """Records that can never be processed as they are."""
        return f"{self.prefix}deadletters"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told. README's table says what each is for.

    A secret is given in the environment, or as the path of a file that holds it,
    never in the settings file.
    """

    app_id: Text = "klaviyo-streams"

    kafka_bootstrap_servers: Text = "127.0.0.1:9092"
    kafka_security_protocol: Literal[
        "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"
    ] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    kafka_sasl_username: str = ""
    kafka_sasl_password: Secret = Secret()
    kafka_sasl_password_file: str = ""
    kafka_ssl_cafile: str = ""

    source_topics: Annotated[tuple[Text, ...], Meta(min_length=1)] = ("segment-events",)
    topic_prefix: str = "klaviyo-streams."
    topic_partitions: Partitions = 8
    topic_replication_factor: Annotated[int, Meta(ge=1, le=100)] = 1

    klaviyo_url: Text = "https://a.klaviyo.com"
    klaviyo_quota_scale: Annotated[float, Meta(gt=0, le=1_000)] = 1.0
    klaviyo_api_key: Secret = Secret()
    klaviyo_api_key_file: str = ""

    stages: Annotated[tuple[StageName, ...], Meta(min_length=1)] = (
        "intake",
        "activate",
        "deliver",
    )
    lanes: Annotated[tuple[LaneName, ...], Meta(min_length=1)] = LANES
    destination: str = ""
    audience_lists: dict[Text, Text] = {}
    max_event_bytes: Count = 1_000_000

    table_store: Literal["memory", "rocksdb"] = "rocksdb"
    data_dir: Text = "./data"

    bulk_min_items: Count = 4
    batch_max_items: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    batch_max_age_s: Seconds = 0.25
    lane_max_pending_items: Count = 20_000
    lane_max_pending_bytes: Count = 64_000_000
    expire_after_s: LongSeconds = 1_209_600.0
    replay_backfill_after_s: LongSeconds = 86_400.0

    session_timeout_s: Seconds = 20.0
    rebalance_timeout_s: Seconds = 60.0
    commit_interval_s: Seconds = 1.0

    web_host: Text = "127.0.0.1"
    web_port: Port = 6066
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def topics(self) -> Topics:
        """Names of this project's own topics."""
        return Topics(prefix=self.topic_prefix)
