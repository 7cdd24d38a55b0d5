"""Services of a worker, built once and given to every stage."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents.engine.access.msk import MskLogin
from agents.engine.access.token_endpoint import ClientCredentials
from agents.engine.access.tokens import TokenLogin
from agents.engine.global_table import GlobalTable
from agents.engine.kafka import KafkaAccess
from agents.engine.offset_backup import OffsetBackup
from agents.engine.producer import Producer
from agents.engine.table import Table
from agents.shared.metrics.registry import WorkerMetrics
from agents.shared.registry.store import SchemaStore
from streams.destination.model import Destination
from streams.events.columns.reading import Warn
from streams.events.sources import Source
from streams.klaviyo.api.client import KlaviyoClient
from streams.settings import Settings, Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Services of a worker; stages hold no other services.

    Attributes:
        settings: Settings of the worker.
        topics: Names of the topics that the worker writes.
        kafka: Access to Kafka.
        producer: Writes records; durable on return.
        user_states: Table of user states, by user key.
        audience_lists: Audience to list id, as the list resolver decided.
        replays: Replays, and which of them are stopped.
        offset_backup: Second copy of the committed offsets.
        klaviyo: Client of Klaviyo's API.
        destination: The compiled destination file.
        converted_topics: Source topics whose values are not events of Segment's spec,
            with their sources.
        warn: Takes warnings about the columns of sources.
        schemas: Schemas of the records of these topics.
        now_ms: Clock, milliseconds since the epoch.
        metrics: Metrics of the worker.
    """

    settings: Settings
    topics: Topics
    kafka: KafkaAccess
    producer: Producer
    user_states: Table
    audience_lists: GlobalTable
    replays: GlobalTable
    offset_backup: OffsetBackup
    klaviyo: KlaviyoClient
    destination: Destination
    converted_topics: Mapping[str, Source]
    warn: Warn
    schemas: SchemaStore
    now_ms: Callable[[], int]
    metrics: WorkerMetrics

    def is_replay_stopped(self, replay: str) -> bool:
        """Return True for a replay that was stopped: the records end at this stage."""
        return bool(replay) and stop_key(replay) in self.replays.rows


def stop_key(replay: str) -> bytes:
    """Return the key of the row that stops a replay, on the replays topic."""
    return f"{replay}/stop".encode()


def clock_ms() -> int:
    """Return the wall clock, milliseconds since the epoch; read nowhere else."""
    return int(time.time() * 1000)  # noqa: TID251 - agents/ reads the clock


def kafka_access(settings: Settings) -> KafkaAccess:
    """Return the access to Kafka that the settings describe."""
    login = _token_login(settings)
    mechanism = settings.kafka_sasl_mechanism or "PLAIN"
    return KafkaAccess(
        bootstrap=settings.kafka_bootstrap_servers,
        security_protocol=settings.kafka_security_protocol,
        sasl_mechanism=mechanism if login is None else "OAUTHBEARER",
        sasl_username=settings.kafka_sasl_username,
        sasl_password=settings.kafka_sasl_password.reveal(),
        ssl_cafile=settings.kafka_ssl_cafile,
        ssl_certfile=settings.kafka_ssl_certfile,
        ssl_keyfile=settings.kafka_ssl_keyfile,
        ssl_key_password=settings.kafka_ssl_key_password.reveal(),
        token_login=login,
        client_rack=settings.kafka_client_rack,
    )


def _token_login(settings: Settings) -> TokenLogin | None:
    match settings.kafka_sasl_mechanism:
        case "OAUTHBEARER":
            return ClientCredentials(
                url=settings.kafka_oauth_token_url,
                client_id=settings.kafka_oauth_client_id,
                client_secret=settings.kafka_oauth_client_secret.reveal(),
                scope=settings.kafka_oauth_scope,
                extension_items=tuple(settings.kafka_oauth_extensions.items()),
                cafile=settings.kafka_oauth_cafile,
            )
        case "AWS_MSK_IAM":
            return MskLogin(settings.kafka_msk_region)
        case _:
            return None
