"""Checks of the settings that secure the connections to Kafka."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from streams.settings.model import Secret, Settings

SettingProblem = tuple[str, str]
"""Name of a setting, and a description of the problem."""

_SERVER = re.compile(r"([^\s,:/\[\]]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}")

_EXTENSION_NAME = re.compile(r"[A-Za-z]+")
"""Names of SASL extensions are letters, and `auth` is the token itself (RFC 7628,
section 3.1)."""

_CREDENTIALS = {
    "PLAIN": ("kafka_sasl_username", "kafka_sasl_password"),
    "SCRAM-SHA-256": ("kafka_sasl_username", "kafka_sasl_password"),
    "SCRAM-SHA-512": ("kafka_sasl_username", "kafka_sasl_password"),
    "OAUTHBEARER": (
        "kafka_oauth_token_url",
        "kafka_oauth_client_id",
        "kafka_oauth_client_secret",
    ),
    "AWS_MSK_IAM": ("kafka_msk_region",),
}
"""Settings that a mechanism needs."""

_FILES = (
    "kafka_ssl_cafile",
    "kafka_ssl_certfile",
    "kafka_ssl_keyfile",
    "kafka_oauth_cafile",
)


def find_kafka_contradictions(settings: Settings) -> Iterator[SettingProblem]:
    """Find problems that no other layer or machine could solve.

    Args:
        settings: All settings; an invalid setting holds its default.
    """
    servers = settings.kafka_bootstrap_servers.split(",")
    if not all(_SERVER.fullmatch(server.strip()) for server in servers):
        yield "kafka_bootstrap_servers", "not host:port,host:port"
    url = settings.kafka_oauth_token_url
    if url and not is_web_address(url):
        yield "kafka_oauth_token_url", "not an http or https address"
    elif url and "@" in urlsplit(url).netloc:
        fix = "set kafka_oauth_client_id and kafka_oauth_client_secret_file instead"
        yield "kafka_oauth_token_url", f"holds credentials; {fix}"
    for name, value in settings.kafka_oauth_extensions.items():
        if not _EXTENSION_NAME.fullmatch(name) or name == "auth" or "\x01" in value:
            yield (
                "kafka_oauth_extensions",
                f"{name!r} is not a name of letters, other than auth",
            )


def find_missing_kafka(settings: Settings) -> Iterator[SettingProblem]:
    """Find settings for Kafka that are missing, or need another setting.

    Args:
        settings: All settings; an invalid setting holds its default.
    """
    yield from _find_missing_sasl(settings)
    yield from _find_missing_certificate(settings)
    for name in _FILES:
        path = getattr(settings, name)
        if path and not Path(path).is_file():
            yield name, "no such file"


def _find_missing_sasl(settings: Settings) -> Iterator[SettingProblem]:
    protocol, mechanism = (
        settings.kafka_security_protocol,
        settings.kafka_sasl_mechanism,
    )
    if not protocol.startswith("SASL_"):
        if mechanism:
            fix = "needs kafka_security_protocol to be SASL_SSL or SASL_PLAINTEXT"
            yield "kafka_sasl_mechanism", fix
        return
    if not mechanism:
        allowed = ", ".join(_CREDENTIALS)
        yield "kafka_sasl_mechanism", f"is needed by {protocol}; one of {allowed}"
    for name in _CREDENTIALS.get(mechanism, _CREDENTIALS["PLAIN"]):
        if not getattr(settings, name):
            yield name, f"is needed by {mechanism or protocol}"


def _find_missing_certificate(settings: Settings) -> Iterator[SettingProblem]:
    values: Mapping[str, str | Secret] = {
        "kafka_ssl_certfile": settings.kafka_ssl_certfile,
        "kafka_ssl_keyfile": settings.kafka_ssl_keyfile,
    }
    if not any(values.values()):
        return
    if not settings.kafka_security_protocol.endswith("SSL"):
        name = next(name for name, value in values.items() if value)
        yield (
            name,
            "needs TLS: set kafka_security_protocol to SSL, or to SASL_SSL",
        )
    for name, value in values.items():
        if not value:
            yield name, "is needed by a client certificate"


def is_web_address(text: str) -> bool:
    """Return True for an http or https address with a host."""
    try:
        url_parts = urlsplit(text)
    except ValueError:
        return False
    return url_parts.scheme in {"http", "https"} and bool(url_parts.hostname)
