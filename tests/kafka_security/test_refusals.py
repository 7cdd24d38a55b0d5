"""Refused connections: one line with the setting and the fix, for commands and workers.

The faults are those of operators: a wrong certificate, password, mechanism or port.
"""

import asyncio
import gc
import time
from collections.abc import Mapping

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError
from click.testing import CliRunner

from agents.admin import kafka_contact
from agents.cli import main
from agents.engine.access.tokens import token_source
from agents.engine.kafka import KafkaAccess
from agents.engine.refusals import find_refusal
from agents.shared.context import kafka_access
from streams.settings import load_settings
from tests.kafka_security.logins import Secured, assert_no_secret, environ_of

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

LIMIT_S = 10.0
NO_FILE = {"kafka_ssl_certfile": "", "kafka_ssl_keyfile": ""}
BARE = {"kafka_sasl_mechanism": "", "kafka_sasl_username": ""}
BAD_PASSWORD = "wr0ng-pa55word"  # noqa: S105 - no broker knows it
CLOSED = "127.0.0.1:9"

FAULTS = [
    pytest.param(
        "mtls",
        {"kafka_ssl_cafile": "stranger-ca.pem"},
        "kafka_ssl_cafile: does not verify the certificate of {at} (self-signed",
        id="wrong-ca",
    ),
    pytest.param(
        "mtls",
        {**NO_FILE, "kafka_ssl_key_password_file": ""},
        "kafka_ssl_certfile: {at} asks for a client certificate; set kafka_ssl_",
        id="no-client-certificate",
    ),
    pytest.param(
        "mtls",
        {
            "kafka_ssl_certfile": "client-expired.pem",
            "kafka_ssl_keyfile": "client-expired.pem",
        },
        "kafka_ssl_certfile: {at} refuses this certificate (certificate unknown); ",
        id="expired-client-certificate",
    ),
    pytest.param(
        "mtls",
        {
            "kafka_ssl_certfile": "client-stranger.pem",
            "kafka_ssl_keyfile": "client-stranger.pem",
        },
        "kafka_ssl_certfile: {at} refuses this certificate (bad certificate); check",
        id="foreign-client-certificate",
    ),
    pytest.param(
        "mtls",
        {"kafka_ssl_key_password_file": "password"},
        "kafka_ssl_keyfile: cannot be used (",
        id="wrong-key-password",
    ),
    pytest.param(
        "mtls",
        {"kafka_ssl_cafile": "password"},
        "kafka_ssl_cafile: cannot be read (",
        id="no-certificate-in-the-file",
    ),
    pytest.param(
        "mtls",
        {"listener": "EXPIRED"},
        "kafka_bootstrap_servers: the certificate of {at} has expired; renew",
        id="expired-broker-certificate",
    ),
    pytest.param(
        "mtls",
        {"listener": "ELSEWHERE"},
        "kafka_bootstrap_servers: the certificate of {at} is for another host (IP",
        id="another-host",
    ),
    pytest.param(
        "scram-256",
        {**BARE, "listener": "TLS", "kafka_security_protocol": "plaintext"},
        "kafka_security_protocol: {at} speaks TLS; set SSL or SASL_SSL",
        id="plaintext-to-tls",
    ),
    pytest.param(
        "scram-256",
        {"listener": "SASL"},
        "kafka_security_protocol: {at} speaks TLS; set SSL or SASL_SSL",
        id="sasl-plaintext-to-tls",
    ),
    pytest.param(
        "scram",
        {"listener": "CLEAR"},
        "kafka_security_protocol: {at} speaks no TLS; set PLAINTEXT or SASL_PLAINTEXT",
        id="tls-to-plaintext",
    ),
    pytest.param(
        "scram-256",
        {**BARE, "kafka_security_protocol": "PLAINTEXT"},
        "kafka_security_protocol: {at} closes the connection; set SASL_PLAINTEXT",
        id="no-sasl-to-sasl",
    ),
    pytest.param(
        "mtls",
        {"listener": "SASL"},
        "kafka_security_protocol: {at} closes the connection; set SASL_SSL",
        id="mtls-to-sasl",
    ),
    pytest.param(
        "scram",
        {"listener": "TLS"},
        "kafka_security_protocol: {at} expects no SASL; set PLAINTEXT or SSL",
        id="sasl-to-no-sasl",
    ),
    pytest.param(
        "scram",
        {"kafka_sasl_password": BAD_PASSWORD},
        "kafka_bootstrap_servers: {at} refuses the credentials (_AUTHENTICATION); ",
        id="wrong-password",
    ),
    pytest.param(
        "scram-256",
        {"kafka_sasl_mechanism": "SCRAM-SHA-512"},
        "kafka_sasl_mechanism: {at} does not support SCRAM-SHA-512; set one of: "
        "SCRAM-SHA-256",
        id="unknown-mechanism",
    ),
    pytest.param(
        "token",
        {"kafka_oauth_token_url": f"http://{CLOSED}/token"},
        f"kafka_oauth_token_url: no answer from http://{CLOSED}/token (Connection",
        id="no-token-endpoint",
    ),
    pytest.param(
        "scram",
        {"kafka_sasl_mechanism": "SCRAM"},
        "'SCRAM' is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, ",
        id="no-mechanism",
    ),
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait for a broker that closes connections without a word."""
    monkeypatch.setattr(kafka_contact, "KAFKA_CONTACT_S", 1.5)


def _output(environ: Mapping[str, str]) -> str:
    """Return the error of a command that must fail."""
    began_s = time.monotonic()
    result = CliRunner().invoke(main, ["replay", "--list"], env=dict(environ))

    assert result.exit_code == 1, result.output
    assert time.monotonic() - began_s < LIMIT_S
    assert_no_secret(result.output)
    assert BAD_PASSWORD not in result.output
    [line] = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(("login", "settings", "expected"), FAULTS)
def test_a_refused_command_ends_with_one_line(
    login: str, settings: dict[str, str], expected: str, secured: Secured
) -> None:
    """The line names the setting, what is wrong, and the fix."""
    chosen = secured.login(login, **settings)

    line = _output(environ_of(chosen))

    assert expected.format(at=chosen["kafka_bootstrap_servers"]) in line


@pytest.mark.parametrize(
    ("claims", "is_forged"),
    [
        pytest.param({}, True, id="another-key"),
        pytest.param({"exp": 1}, False, id="expired"),
        pytest.param({"aud": "elsewhere"}, False, id="audience"),
        pytest.param({"iss": "http://else.test"}, False, id="issuer"),
    ],
)
def test_a_refused_token_is_named_by_both_clients(
    claims: dict[str, object],
    is_forged: bool,
    secured: Secured,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Aiokafka itself takes the refusal for a success."""
    secured.tokens.claims, secured.tokens.is_forged = claims, is_forged
    chosen = secured.login("token")
    expected = "kafka_sasl_mechanism: {} refuses the token (invalid_token); check"

    line = _output(environ_of(chosen))
    access = kafka_access(load_settings(environ_of(chosen)))

    assert expected.format(chosen["kafka_bootstrap_servers"]) in line
    with pytest.raises(KafkaConnectionError, match="Unable to bootstrap"):
        asyncio.run(_start_consumer(access))
    assert "the broker refuses the token: " in caplog.text
    assert access.token_login is not None
    token_source(access.token_login).token()
    assert len(secured.tokens.requests) == 2  # a refused token is not used again


def test_a_broker_without_its_validator_would_accept_any_token(
    secured: Secured,
) -> None:
    """The default of Kafka 4.1.1: tests on such a listener would prove nothing."""
    secured.tokens.is_forged = True
    chosen = secured.login("token", listener="UNSAFE")

    assert not find_refusal(kafka_access(load_settings(environ_of(chosen))))


def test_a_refused_client_of_the_token_endpoint(secured: Secured) -> None:
    """The line names the status and the secret's setting."""
    secured.tokens.status = 401

    line = _output(environ_of(secured.login("token")))

    assert "kafka_oauth_client_secret: " in line
    assert "refuses the client (401 invalid_client); check" in line


async def _start_consumer(access: KafkaAccess) -> None:
    consumer = AIOKafkaConsumer(**access.aiokafka_options())
    try:
        await consumer.start()
    finally:
        await consumer.stop()
        await _await_closed_sockets()


async def _await_closed_sockets() -> None:
    """Wait until the loop has closed the connections that were refused."""
    async with asyncio.timeout(60):
        while [one for one in gc.get_objects() if _is_open(one)]:  # noqa: ASYNC110 - asyncio has no event for it
            await asyncio.sleep(0.01)


def _is_open(candidate: object) -> bool:
    """Return True for a transport of this loop whose socket is open."""
    is_transport = isinstance(candidate, asyncio.selector_events._SelectorTransport)  # type: ignore[attr-defined] # noqa: SLF001 - no public list of transports
    return is_transport and getattr(candidate, "_sock", None) is not None
