"""Real Kafka with a listener for each way to secure a connection, and strict ACLs.

Two settings decide whether its answers prove anything. Without `BrokerJwtValidator`
Kafka 4.1.1 accepts tokens that anybody has signed. And under the prefix
`listener.name.NAME.oauthbearer.` that setting has no effect.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tests.brokers.jvm import JvmKafka, Security
from tests.kafka_security.certificates import write_certificates
from tests.kafka_security.token_server import AUDIENCE, ISSUER, TokenServer

PASSWORD = "5cram-pa55word"  # noqa: S105 - of the test's users
"""Password of the SASL users; no log may show it."""

OPERATORS = tuple(f"operator-{number}" for number in range(13))
"""Users of the mechanism PLAIN, one for each role of commands."""

LATE_USER = "late-user"
"""User that gets rights in the middle of a test."""

REAUTH_MS = 3_000
"""Life of a session on the listener SHORT, which must be authenticated again."""

_AUTHORIZER_LOG = "kafka.authorizer.logger"
"""Logger with a line for each right that a user uses or lacks."""

_RIGHT = re.compile(
    r"Principal = (\S+) is (Allowed|Denied) operation = (\S+) from host = \S+ "
    r"on resource = (\w+):LITERAL:(\S+)"
)


class UsedRight(NamedTuple):
    """Right that a user has used, or lacked."""

    principal: str
    is_allowed: bool
    operation: str
    resource: str
    name: str


_LISTENERS = {
    "TLS": "SSL",
    "MTLS": "SSL",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
    "SASL": "SASL_SSL",
    "TOKEN": "SASL_SSL",
    "SHORT": "SASL_SSL",
    "UNSAFE": "SASL_SSL",
    "CLEAR": "SASL_PLAINTEXT",
}
_OAUTH = "org.apache.kafka.common.security.oauthbearer"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


class SecureKafka(JvmKafka):
    """Broker of these tests.

    Listeners: TLS and MTLS; EXPIRED and ELSEWHERE, whose certificates are broken; SASL
    and CLEAR with passwords; TOKEN with tokens, SHORT too, and UNSAFE, which verifies
    no token.

    Args:
        directory: Where certificates and keys go.
        tokens: Token endpoint, whose keys the broker knows.
    """

    def __init__(self, directory: Path, tokens: TokenServer) -> None:
        write_certificates(directory)
        keys = directory / "keys.json"
        tokens.write_keys(keys)
        self.directory = directory
        users = [
            f"{mechanism}=[name=scram-user,password={PASSWORD}]"
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ]
        super().__init__(
            security=Security(
                listeners=_LISTENERS,
                properties=_properties(directory, keys),
                format_options=tuple(
                    part for user in users for part in ("--add-scram", user)
                ),
                jvm_flags=(
                    f"-Dorg.slf4j.simpleLogger.log.{_AUTHORIZER_LOG}=debug",
                    f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys.as_uri()}",
                    f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.files={keys}",
                ),
            )
        )

    def used_rights(self) -> set[UsedRight]:
        """Return the rights that users have used or lacked until now."""
        text = (self.nodes[0].home / "kafka.log").read_text()
        return {
            UsedRight(who, verdict == "Allowed", operation, kind.lower(), name)
            for who, verdict, operation, kind, name in _RIGHT.findall(text)
        }


def _properties(directory: Path, keys: Path) -> dict[str, str]:
    return {
        **_keystore("", directory / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(directory / "ca.pem"),
        **_keystore("listener.name.expired.", directory / "broker-expired.pem"),
        **_keystore("listener.name.elsewhere.", directory / "broker-elsewhere.pem"),
        "listener.name.mtls.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER",
        **_passwords("sasl", "SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"),
        **_passwords("clear", "SCRAM-SHA-256"),
        **_tokens("token", keys),
        **_tokens("short", keys),
        **{
            f"listener.name.{name}.sasl.{_VALIDATOR}": f"{_OAUTH}.BrokerJwtValidator"
            for name in ("token", "short")
        },
        "listener.name.short.oauthbearer.connections.max.reauth.ms": str(REAUTH_MS),
        **_tokens("unsafe", keys),
        "authorizer.class.name": (
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        ),
        "super.users": "User:ANONYMOUS",
    }


_VALIDATOR = "oauthbearer.jwt.validator.class"


def _keystore(prefix: str, path: Path) -> dict[str, str]:
    return {
        f"{prefix}ssl.keystore.type": "PEM",
        f"{prefix}ssl.keystore.location": str(path),
    }


def _passwords(listener: str, *mechanisms: str) -> dict[str, str]:
    prefix = f"listener.name.{listener}"
    users = " ".join(
        f'user_{user}="{PASSWORD}"' for user in ("plain-user", LATE_USER, *OPERATORS)
    )
    modules = {"PLAIN": f"{_PLAIN} {users};"}
    return {f"{prefix}.sasl.enabled.mechanisms": ",".join(mechanisms)} | {
        f"{prefix}.{name.lower()}.sasl.jaas.config": modules.get(name, _SCRAM)
        for name in mechanisms
    }


def _tokens(listener: str, keys: Path) -> dict[str, str]:
    prefix = f"listener.name.{listener}"
    handler = f"{_OAUTH}.OAuthBearerValidatorCallbackHandler"
    return {
        f"{prefix}.sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{prefix}.oauthbearer.sasl.jaas.config": (
            f"{_OAUTH}.OAuthBearerLoginModule required;"
        ),
        f"{prefix}.oauthbearer.sasl.server.callback.handler.class": handler,
        f"{prefix}.sasl.oauthbearer.jwks.endpoint.url": keys.as_uri(),
        f"{prefix}.sasl.oauthbearer.expected.audience": AUDIENCE,
        f"{prefix}.sasl.oauthbearer.expected.issuer": ISSUER,
    }
