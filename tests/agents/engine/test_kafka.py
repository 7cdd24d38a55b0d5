"""Options for the two client libraries from one description of the brokers."""

import ssl

import pytest

from agents.engine.kafka import KafkaAccess

_PLAIN = KafkaAccess(bootstrap="k:1")
_SASL = KafkaAccess(
    bootstrap="k:1",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
    sasl_username="who",
    sasl_password="hush",  # noqa: S106 - of no broker
)
_TLS = KafkaAccess(bootstrap="k:1", security_protocol="SSL")

_LIBRDKAFKA = {"bootstrap.servers": "k:1", "log_level": 3}


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        pytest.param(
            _PLAIN,
            {"bootstrap_servers": "k:1", "security_protocol": "PLAINTEXT"},
            id="plain",
        ),
        pytest.param(
            _SASL,
            {
                "bootstrap_servers": "k:1",
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": "who",
                "sasl_plain_password": "hush",
            },
            id="a user",
        ),
    ],
)
def test_aiokafka_options(access: KafkaAccess, expected: dict[str, object]) -> None:
    """Aiokafka gets exactly the options for the protocol."""
    assert access.aiokafka_options() == expected


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_aiokafka_verifies_the_brokers_certificate(protocol: str) -> None:
    """Encryption includes authentication: host name and certificate are checked."""
    access = KafkaAccess(bootstrap="k:1", security_protocol=protocol)

    context = access.aiokafka_options()["ssl_context"]

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        pytest.param(_PLAIN, {"security.protocol": "PLAINTEXT"}, id="plain"),
        pytest.param(
            _SASL,
            {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "who",
                "sasl.password": "hush",
            },
            id="a user",
        ),
        pytest.param(_TLS, {"security.protocol": "SSL"}, id="the system's authorities"),
    ],
)
def test_librdkafka_options(access: KafkaAccess, expected: dict[str, object]) -> None:
    """Librdkafka gets the same settings under its own names."""
    assert access.librdkafka_options() == _LIBRDKAFKA | expected


def test_the_password_is_in_no_log() -> None:
    """The printed form has the address and no credentials."""
    assert "hush" not in f"{_SASL!r} {_SASL}"
