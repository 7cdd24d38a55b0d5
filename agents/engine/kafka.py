"""Access to Kafka for the two client libraries, and the ids of topics."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import structlog
from aiokafka.errors import KafkaConnectionError
from aiokafka.partitioner import murmur2
from aiokafka.structs import ConsumerRecord
from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient

from agents.engine.access.aiokafka_tokens import AiokafkaTokens, patch_token_check
from agents.engine.access.tokens import (
    TokenError,
    TokenLogin,
    TokenSource,
    token_source,
)
from streams.errors import ConfigError

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0

EMBEDDED_CLUSTER_PREFIX = "mockCluster"
"""Cluster id of librdkafka's mock cluster, whose missing controller knows no ids."""

_NO_ID = str(Uuid(0, 0))
"""Id that a broker older than topic ids (2.8) returns."""

_UNSUPPORTED = {
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - its public name
}

Record: TypeAlias = "ConsumerRecord[Any, Any]"
"""Record as aiokafka returns it; key and value are bytes or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAccess:
    """Broker addresses and credentials; `repr` hides the passwords.

    Every client of Kafka in this project is made from these options.

    Attributes:
        bootstrap: Addresses of brokers, as `host:port,host:port`.
        security_protocol: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
        sasl_mechanism: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`.
        sasl_username: User name, unless the mechanism is OAUTHBEARER.
        sasl_password: Password of the user.
        ssl_cafile: Path of CA certificates; empty for the system's.
        ssl_certfile: Path of the client's certificate chain; empty for none.
        ssl_keyfile: Path of the certificate's key.
        ssl_key_password: Password of the key; empty for none.
        token_login: Credentials for the tokens of OAUTHBEARER.
        client_rack: Rack whose replicas are read; empty for the leaders.
    """

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str = ""
    sasl_password: str = ""
    ssl_cafile: str = ""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""
    ssl_key_password: str = ""
    token_login: TokenLogin | None = None
    client_rack: str = ""

    def __repr__(self) -> str:
        return f"KafkaAccess({self.bootstrap}, {self.security_protocol})"

    def aiokafka_options(self) -> dict[str, Any]:
        """Return keyword arguments for aiokafka's consumers.

        Raises:
            ConfigError: A certificate or a key cannot be used.
        """
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
        }
        if self.client_rack:
            options["client_rack"] = self.client_rack
        if "SASL" in self.security_protocol:
            options |= {"sasl_mechanism": self.sasl_mechanism}
            if self.token_login is None:
                options["sasl_plain_username"] = self.sasl_username
                options["sasl_plain_password"] = self.sasl_password
            else:
                patch_token_check()
                source = token_source(self.token_login)
                options["sasl_oauth_token_provider"] = AiokafkaTokens(source)
        if "SSL" in self.security_protocol:
            options["ssl_context"] = self.ssl_context()
        return options

    def librdkafka_options(self) -> dict[str, Any]:
        """Return the configuration for `confluent_kafka` clients.

        With OAUTHBEARER this fetches a token: without one librdkafka would wait for
        10 s, and say less.

        Raises:
            ConfigError: A certificate or a key cannot be used, or there is no token.
        """
        options: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.security_protocol,
            "log_level": 3,
        }
        if self.client_rack:
            options["client.rack"] = self.client_rack
        if "SASL" in self.security_protocol:
            options |= {"sasl.mechanism": self.sasl_mechanism}
            if self.token_login is None:
                options["sasl.username"] = self.sasl_username
                options["sasl.password"] = self.sasl_password
            else:
                source = token_source(self.token_login)
                source.token()
                options["oauth_cb"] = partial(_token_for_librdkafka, source)
        if "SSL" in self.security_protocol:
            self.ssl_context()
            options |= self._librdkafka_tls()
        return options

    def ssl_context(self) -> ssl.SSLContext:
        """Return what TLS connections are made with.

        Raises:
            ConfigError: A certificate or a key cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ssl_cafile or None)
        except (OSError, ssl.SSLError) as fault:
            fix = "name a file of CA certificates in PEM"
            problem = f"cannot be read ({_reason_of(fault)}); {fix}"
            raise ConfigError([f"kafka_ssl_cafile: {problem}"]) from None
        if self.ssl_certfile:
            try:
                # Without a function OpenSSL would ask on the terminal.
                context.load_cert_chain(
                    self.ssl_certfile, self.ssl_keyfile, lambda: self.ssl_key_password
                )
            except (OSError, ssl.SSLError) as fault:
                fix = "check kafka_ssl_certfile (PEM) and kafka_ssl_key_password"
                problem = f"cannot be used ({_reason_of(fault)}); {fix}"
                raise ConfigError([f"kafka_ssl_keyfile: {problem}"]) from None
        return context

    def _librdkafka_tls(self) -> dict[str, str]:
        options = {
            "ssl.ca.location": self.ssl_cafile,
            "ssl.certificate.location": self.ssl_certfile,
            "ssl.key.location": self.ssl_keyfile,
            "ssl.key.password": self.ssl_key_password,
        }
        return {name: value for name, value in options.items() if value}


def _reason_of(fault: OSError) -> str:
    reason = getattr(fault, "reason", None) or fault.strerror or type(fault).__name__
    return str(reason)


def _token_for_librdkafka(
    source: TokenSource, _: str
) -> tuple[str, float, str, dict[str, str]]:
    """Return token, end, principal (unused by brokers) and extensions."""
    token = source.token()
    return token.text, token.expires_at_s, "klaviyo-streams", dict(source.extensions)


TopicIdLookup: TypeAlias = Callable[[KafkaAccess, str], Awaitable[str]]
"""Function with the signature of `fetch_topic_id`."""


async def fetch_topic_id(
    kafka: KafkaAccess,
    topic: str,
    *,
    create_admin: Callable[[dict[str, Any]], AdminClient] = AdminClient,
) -> str:
    """Return Kafka's own id of a topic; empty if the broker has no topic ids.

    A topic that was deleted and created again under the same name has another id.

    Args:
        kafka: Broker addresses and credentials.
        topic: Name of the topic.
        create_admin: Creates the admin client from its configuration.

    Raises:
        aiokafka.errors.KafkaError: Kafka does not answer now; try again.
    """
    return await asyncio.to_thread(_fetch_topic_id, kafka, topic, create_admin)


def _fetch_topic_id(
    kafka: KafkaAccess,
    topic: str,
    create_admin: Callable[[dict[str, Any]], AdminClient],
) -> str:
    try:
        topic_id = _describe_topic(create_admin(kafka.librdkafka_options()), topic)
    except KafkaException as failure:
        error = failure.args[0]
        if error.code() in _UNSUPPORTED:
            return ""
        log.warning("topic_id_unknown", topic=topic, error=error.name())
        raise KafkaConnectionError(f"id of {topic}: {error.name()}") from None
    except TokenError as failure:
        raise KafkaConnectionError(f"id of {topic}: {failure}") from None
    return "" if topic_id == _NO_ID else topic_id


def _describe_topic(admin: AdminClient, topic: str) -> str:
    cluster = str(admin.list_topics(topic, timeout=TIMEOUT_S).cluster_id)
    if cluster.startswith(EMBEDDED_CLUSTER_PREFIX):
        return ""
    descriptions = admin.describe_topics(
        TopicCollection([topic]), request_timeout=TIMEOUT_S
    )
    return str(descriptions[topic].result().topic_id)


def partition_of(key: bytes, partition_count: int) -> int:
    """Return the partition of a key, as chosen by Java clients and this producer."""
    return int((murmur2(key) & 0x7FFFFFFF) % partition_count)
