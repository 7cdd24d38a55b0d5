"""Logins of the secured Kafka's users, as settings of a worker or a command."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from agents.shared.topics import topic_specs
from streams.settings import Settings
from streams.settings.acls import Acl, least_acls
from tests.brokers.interface import admin
from tests.kafka_security.broker import PASSWORD, SecureKafka
from tests.kafka_security.certificates import KEY_PASSWORD
from tests.kafka_security.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer

API_KEY = "pk_0fThisTestOnly" + "8" * 16
SECRETS = (PASSWORD, KEY_PASSWORD, CLIENT_SECRET, API_KEY)
"""Texts that no log, no output and no error may show."""

_TLS = {"kafka_ssl_cafile": "ca.pem"}
_LOGINS: Mapping[str, Mapping[str, str]] = {
    "mtls": {
        "listener": "MTLS",
        "kafka_security_protocol": "ssl",
        "kafka_ssl_certfile": "client-locked.pem",
        "kafka_ssl_keyfile": "client-locked.pem",
        "kafka_ssl_key_password_file": "key-password",
        **_TLS,
    },
    "scram": {
        "listener": "SASL",
        "kafka_security_protocol": "Sasl_Ssl",
        "kafka_sasl_mechanism": "scram-sha-512",
        "kafka_sasl_username": "scram-user",
        "kafka_sasl_password_file": "password",
        **_TLS,
    },
    "scram-256": {
        "listener": "CLEAR",
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_mechanism": "SCRAM-SHA-256",
        "kafka_sasl_username": "scram-user",
        "kafka_sasl_password": PASSWORD,
    },
    "plain": {
        "listener": "SASL",
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "plain",
        "kafka_sasl_username": "plain-user",
        "kafka_sasl_password_file": "password",
        **_TLS,
    },
    "token": {
        "listener": "TOKEN",
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "oauthbearer",
        "kafka_oauth_client_id": CLIENT_ID,
        "kafka_oauth_client_secret_file": "client-secret",
        "kafka_oauth_scope": "kafka streams",
        "kafka_oauth_extensions": "logicalCluster=lkc-1",
        **_TLS,
    },
}
_FILES = ("cafile", "certfile", "keyfile", "_file")

PRINCIPALS = {
    "mtls": "User:mtls-user",
    "scram": "User:scram-user",
    "scram-256": "User:scram-user",
    "plain": "User:plain-user",
    "token": "User:oauth-user",
}


@dataclass(frozen=True, slots=True)
class Secured:
    """Secured Kafka with its token endpoint, and an administrator of both."""

    broker: SecureKafka
    tokens: TokenServer
    client: AdminClient

    def login(self, name: str, **settings: str) -> dict[str, str]:
        """Return the settings of a login; files are named by their paths.

        Args:
            name: The login.
            settings: Settings in place of those of the login; `listener` is one of the
                broker's, and files are those of `write_certificates`.
        """
        chosen = {**_LOGINS[name], **settings}
        chosen.setdefault(
            "kafka_bootstrap_servers", self.broker.address_of(chosen.pop("listener"))
        )
        if name == "token":
            chosen.setdefault("kafka_oauth_token_url", self.tokens.url)
        return {
            key: str(self.broker.directory / value)
            if value and key.endswith(_FILES)
            else value
            for key, value in chosen.items()
        }

    def grant(self, principal: str, acls: Iterable[Acl]) -> None:
        """Give a user rights on resources."""
        bindings = [
            AclBinding(
                ResourceType[acl.resource.upper().replace("-", "_")],
                acl.name,
                ResourcePatternType["PREFIXED" if acl.is_prefix else "LITERAL"],
                principal,
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for acl in acls
            for operation in acl.operations
        ]
        for result in self.client.create_acls(bindings).values():
            result.result()

    def set_quota(self, user: str, *, bytes_per_s: int) -> None:
        """Limit what a user writes and reads.

        Kafka's own tool does it: neither client library can alter quotas.
        """
        names = ("producer_byte_rate", "consumer_byte_rate")
        limits = ",".join(f"{name}={bytes_per_s}" for name in names)
        node = self.broker.nodes[0]
        command = node.command(
            "kafka.admin.ConfigCommand",
            *("--bootstrap-server", node.bootstrap, "--alter"),
            *("--add-config", limits),
            *("--entity-type", "users", "--entity-name", user),
        )
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - no shell


@contextmanager
def secured_kafka(directory: Path) -> Iterator[Secured]:
    """Start the token endpoint and the broker."""
    with closing(TokenServer()) as tokens:
        (directory / "password").write_text(f"{PASSWORD}\n")
        (directory / "key-password").write_text(KEY_PASSWORD)
        (directory / "client-secret").write_text(CLIENT_SECRET)
        with closing(SecureKafka(directory, tokens)) as broker:
            yield Secured(broker, tokens, admin(broker.bootstrap))


def environ_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings as environment variables of a command, with an API key."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KLAVIYO_")}
    named = {f"KLAVIYO_STREAMS_{name.upper()}": v for name, v in settings.items()}
    return kept | {"KLAVIYO_API_KEY": API_KEY} | named


def acls_of(settings: Settings) -> dict[str, list[Acl]]:
    """Return the least rights of the worker and of each command."""
    return least_acls(settings, (spec.name for spec in topic_specs(settings)))


def assert_no_secret(text: str) -> None:
    """Check that a text shows none of the secrets, nor a token."""
    for secret in (*SECRETS, "eyJhbGci"):
        assert secret not in text, text.partition(secret)[0][-300:]
