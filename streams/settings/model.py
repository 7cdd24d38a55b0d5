"""Model of all settings: type, default and description of each."""

from enum import StrEnum
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Partitions = Annotated[int, Meta(ge=1, le=10_000)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
LongSeconds = Annotated[float, Meta(gt=0, le=315_360_000)]
PROXY_OF_ENVIRONMENT = "environment"
"""Value of `klaviyo_proxy` for the proxy of HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""

StageName = Literal["intake", "activate", "deliver"]


class LaneId(StrEnum):
    """Lane: a durable outbox with a lag of its own, per family of Klaviyo quotas.

    The order is the priority of lanes that compete for the same quota.
    """

    CONSENT = "consent"
    LISTS = "lists"
    EVENTS = "events"
    PROFILES = "profiles"
    PRIVACY = "privacy"


class Secret:
    """Text that no log, traceback or encoder shows; false if empty."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret text, for the call that needs the text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)" if self else "Secret()"


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """Names of the topics that this project writes.

    Attributes:
        events: Canonical events, keyed by user.
        held_events: Events of unknown persons that wait, keyed by user.
        activations: Lane → activations of the lane, keyed by user.
        list_requests: Requests to find or create a list, keyed by audience.
        audience_lists: List IDs, keyed by audience; compacted.
        memberships_changelog: Changelog of the user table, keyed by user; compacted.
        reprocess: Source records to process again, with the origin in a header.
        replays: Selection and progress, keyed by replay ID; compacted.
        offset_backup: Offsets, keyed by group and partition; compacted.
        sync_state: Manifests of the states of syncs, keyed by sync; compacted.
        sync_state_rows: Rows of the states of syncs, in chunks; compacted.
        deadletters: Records that can never be processed as they are.
        deadletters_resolved: Resolutions, keyed by dead letter; compacted.
        outcomes: Outcomes of all source records.
    """

    events: str
    held_events: str
    activations: dict[str, str]
    list_requests: str
    audience_lists: str
    memberships_changelog: str
    reprocess: str
    replays: str
    offset_backup: str
    sync_state: str
    sync_state_rows: str
    deadletters: str
    deadletters_resolved: str
    outcomes: str

    @classmethod
    def with_prefix(cls, prefix: str) -> Self:
        """Build all names from a prefix."""
        return cls(
            events=f"{prefix}events",
            held_events=f"{prefix}held-events",
            activations={lane: f"{prefix}activations.{lane}" for lane in LaneId},
            list_requests=f"{prefix}list-requests",
            audience_lists=f"{prefix}audience-lists",
            memberships_changelog=f"{prefix}memberships-changelog",
            reprocess=f"{prefix}reprocess",
            replays=f"{prefix}replays",
            offset_backup=f"{prefix}offset-backup",
            sync_state=f"{prefix}sync-state",
            sync_state_rows=f"{prefix}sync-state-rows",
            deadletters=f"{prefix}deadletters",
            deadletters_resolved=f"{prefix}deadletters-resolved",
            outcomes=f"{prefix}outcomes",
        )


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a worker; each field has a description in the annotation.

    A secret is given in the environment, or as the path of a file that holds the
    secret, and never in the settings file. `streams.settings.table` renders the fields
    as the table in `deploy/README.md`.
    """

    app_id: Annotated[Text, Meta(description="Prefix of the consumer group names.")] = (
        "klaviyo-streams"
    )

    kafka_bootstrap_servers: Annotated[
        Text,
        Meta(description="Addresses of the Kafka brokers, as `host:port,host:port`."),
    ] = "127.0.0.1:9092"
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="Protocol for connections to Kafka."),
    ] = "PLAINTEXT"
    kafka_sasl_mechanism: Annotated[
        Literal[
            "", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"
        ],
        Meta(description="SASL mechanism, for protocols that begin with `SASL_`."),
    ] = ""
    kafka_sasl_username: Annotated[str, Meta(description="SASL user name.")] = ""
    kafka_sasl_password: Annotated[Secret, Meta(description="SASL password.")] = (
        Secret()
    )
    kafka_sasl_password_file: Annotated[
        str, Meta(description="Path of a file that holds the SASL password.")
    ] = ""
    kafka_ssl_cafile: Annotated[
        str,
        Meta(description="Path of CA certificates for TLS; default: the system's."),
    ] = ""
    kafka_ssl_certfile: Annotated[
        str, Meta(description="Path of the client's certificate chain (PEM), for mTLS.")
    ] = ""
    kafka_ssl_keyfile: Annotated[
        str, Meta(description="Path of the certificate's key (PEM).")
    ] = ""
    kafka_ssl_key_password: Annotated[
        Secret, Meta(description="Password of an encrypted key.")
    ] = Secret()
    kafka_ssl_key_password_file: Annotated[
        str, Meta(description="Path of a file that holds the password of the key.")
    ] = ""
    kafka_oauth_token_url: Annotated[
        str, Meta(description="Token endpoint for `OAUTHBEARER` (client credentials).")
    ] = ""
    kafka_oauth_client_id: Annotated[str, Meta(description="OAuth client ID.")] = ""
    kafka_oauth_client_secret: Annotated[
        Secret, Meta(description="OAuth client secret.")
    ] = Secret()
    kafka_oauth_client_secret_file: Annotated[
        str, Meta(description="Path of a file that holds the OAuth client secret.")
    ] = ""
    kafka_oauth_scope: Annotated[
        str, Meta(description="Scopes to ask the token endpoint for, space-separated.")
    ] = ""
    kafka_oauth_extensions: Annotated[
        dict[Text, str], Meta(description="SASL extensions sent with each token.")
    ] = {}
    kafka_oauth_cafile: Annotated[
        str, Meta(description="Path of CA certificates for the token endpoint.")
    ] = ""
    kafka_msk_region: Annotated[
        str, Meta(description="AWS region of the cluster, for `AWS_MSK_IAM`.")
    ] = ""
    kafka_client_rack: Annotated[
        str,
        Meta(description="Rack (zone) of this machine: near replicas are read."),
    ] = ""

    source_topics: Annotated[
        tuple[Text, ...],
        Meta(min_length=1),
        Meta(description="Topics to read events from."),
    ] = ("segment-events",)
    topic_prefix: Annotated[
        str, Meta(description="Prefix of the topics that this project writes.")
    ] = "klaviyo-streams."
    topic_partitions: Annotated[
        Partitions, Meta(description="Partitions of topics that the worker creates.")
    ] = 8
    topic_replication_factor: Annotated[
        int,
        Meta(ge=1, le=100),
        Meta(description="Replicas of topics that the worker creates."),
    ] = 1

    klaviyo_url: Annotated[Text, Meta(description="Base URL of the Klaviyo API.")] = (
        "https://a.klaviyo.com"
    )
    klaviyo_quota_scale: Annotated[
        float,
        Meta(gt=0, le=1_000),
        Meta(description="Factor on the published quotas, until the first response."),
    ] = 1.0
    klaviyo_api_key: Annotated[
        Secret, Meta(description="Private API key, given as `KLAVIYO_API_KEY`.")
    ] = Secret()
    klaviyo_api_key_file: Annotated[
        str, Meta(description="Path of a file that holds the private API key.")
    ] = ""
    klaviyo_proxy: Annotated[
        str,
        Meta(
            description="URL of an HTTP or HTTPS proxy to Klaviyo; `environment`: as "
            "`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say."
        ),
    ] = ""
    klaviyo_proxy_credentials: Annotated[
        Secret, Meta(description="Credentials for the proxy, as `user:password`.")
    ] = Secret()
    klaviyo_proxy_credentials_file: Annotated[
        str, Meta(description="Path of a file that holds the proxy's credentials.")
    ] = ""
    klaviyo_source_address: Annotated[
        str,
        Meta(description="IP address of this machine to connect to Klaviyo from."),
    ] = ""
    klaviyo_ca_file: Annotated[
        str,
        Meta(
            description="Path of CA certificates that are trusted beside the system's."
        ),
    ] = ""

    stages: Annotated[
        tuple[StageName, ...],
        Meta(min_length=1),
        Meta(description="Stages that this worker runs."),
    ] = (
        "intake",
        "activate",
        "deliver",
    )
    lanes: Annotated[
        tuple[LaneId, ...],
        Meta(min_length=1),
        Meta(description="Lanes that the stage `deliver` of this worker runs."),
    ] = tuple(LaneId)
    destination: Annotated[
        str,
        Meta(description="Path of the destination file; default: all presets."),
    ] = ""
    audience_lists: Annotated[
        dict[Text, Text],
        Meta(description="Existing Klaviyo lists: audience key to list ID."),
    ] = {}
    max_event_bytes: Annotated[
        Count,
        Meta(
            description="Largest source record; a larger record becomes a dead letter."
        ),
    ] = 1_000_000

    table_store: Annotated[
        Literal["memory", "rocksdb"],
        Meta(description="Store of the user table; `memory` reloads at each start."),
    ] = "rocksdb"
    data_dir: Annotated[
        Text, Meta(description="Directory for the user table in RocksDB.")
    ] = "./data"

    bulk_min_items: Annotated[
        Count,
        Meta(description="Smallest batch that is sent as a bulk import."),
    ] = 4
    batch_max_items: Annotated[
        int,
        Meta(ge=1, le=10_000),
        Meta(description="Largest number of items in a batch."),
    ] = 1_000
    batch_max_age_s: Annotated[
        Seconds, Meta(description="Longest time an item waits for its batch to fill.")
    ] = 0.25
    lane_max_pending_items: Annotated[
        Count,
        Meta(description="Largest number of records that a lane holds in memory."),
    ] = 20_000
    lane_max_pending_bytes: Annotated[
        Count,
        Meta(description="Largest size of all records that a lane holds in memory."),
    ] = 64_000_000
    expire_after_s: Annotated[
        LongSeconds,
        Meta(
            description="Age at which an undelivered activation becomes a dead letter."
        ),
    ] = 1_209_600.0
    replay_backfill_after_s: Annotated[
        LongSeconds,
        Meta(description="Age from which a replayed or requeued event fires no flows."),
    ] = 86_400.0

    session_timeout_s: Annotated[
        Seconds, Meta(description="Session timeout of the consumer groups.")
    ] = 20.0
    rebalance_timeout_s: Annotated[
        Seconds,
        Meta(description="Rebalance timeout of the consumer groups."),
    ] = 60.0
    commit_interval_s: Annotated[
        Seconds, Meta(description="Interval between commits of offsets.")
    ] = 1.0

    web_host: Annotated[
        Text, Meta(description="Address that the pages for monitoring listen on.")
    ] = "127.0.0.1"
    web_port: Annotated[
        Port, Meta(description="Port of the pages for monitoring; 0 turns them off.")
    ] = 6066
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Lowest level of log lines."),
    ] = "info"

    @property
    def topics(self) -> Topics:
        """Names of the topics that this project writes, built at each call."""
        return Topics.with_prefix(self.topic_prefix)
