"""Reasons why Kafka refuses a connection, each as a line with the setting and the fix.

aiokafka reports each of them as "Unable to bootstrap", and librdkafka only tells an
error callback. Both say less than a handshake of Python's about a certificate.
"""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError

log = structlog.get_logger(__name__)

FIRST_LOOK_S: Final = 1.0
"""Ours: a refusal that is known after this time ends the wait for an answer."""

_HANDSHAKE_S: Final = 2.0

_EXPIRED: Final = (10,)
_OTHER_HOST: Final = (62, 64)
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH."""

_ADDRESS: Final = re.compile(r"\w+://(\S+?)/").match
"""Address at the beginning of an error of librdkafka."""


class Answer(NamedTuple):
    """Brokers that Kafka names, or the errors of an attempt to connect."""

    brokers: list[str]
    errors: list[KafkaError]
    failure: KafkaError | None


@dataclass(frozen=True, slots=True)
class _Rule:
    """Sign of a refusal in an error text, and the line that it becomes.

    Attributes:
        sign: Part of librdkafka's text; its group is `{0}` of the line.
        line: Setting, problem and fix; `{kafka}` is the address, `{mechanism}` ours.
    """

    sign: re.Pattern[str]
    line: str


_NO_TLS: Final = _Rule(
    re.compile(r"connecting to a PLAINTEXT broker listener"),
    "kafka_security_protocol: {kafka} speaks no TLS; set PLAINTEXT or "
    "SASL_PLAINTEXT, or use the port of a TLS listener",
)
_MECHANISM: Final = _Rule(
    re.compile(r"Unsupported SASL mechanism: broker's supported mechanisms: (\S+)"),
    "kafka_sasl_mechanism: {kafka} does not support {mechanism}; set one of: {0}",
)
_NO_SASL: Final = _Rule(
    re.compile(r"not valid in current SASL state"),
    "kafka_security_protocol: {kafka} expects no SASL; set PLAINTEXT or SSL, "
    "or use the port of a SASL listener",
)
_TOKEN: Final = _Rule(
    re.compile(r"SASL authentication error: .*(invalid_token|OAUTHBEARER)"),
    "kafka_sasl_mechanism: {kafka} refuses the token ({0}); check "
    "kafka_oauth_scope, and the audience and issuer that the broker expects",
)
_PASSWORD: Final = _Rule(
    re.compile(r"SASL authentication error"),
    "kafka_bootstrap_servers: {kafka} refuses the credentials (_AUTHENTICATION); check "
    "kafka_sasl_username, kafka_sasl_password and kafka_sasl_mechanism",
)
_RULES: Final = (_NO_TLS, _MECHANISM, _NO_SASL, _TOKEN, _PASSWORD)

_ALERT: Final = re.compile(
    r"alert (bad certificate|certificate required|certificate unknown|"
    r"certificate expired|certificate revoked|unknown ca|handshake failure)"
)
"""Alerts by which a broker refuses the client's certificate, or asks for one."""


def ask_brokers(kafka: KafkaAccess, *, timeout_s: float) -> Answer:
    """Ask Kafka for its brokers; return early if it refuses the connection.

    Raises:
        ConfigError: The credentials cannot be used, or no token can be fetched.
    """
    errors: list[KafkaError] = []
    options = kafka.librdkafka_options() | {"log_level": 0, "error_cb": errors.append}
    try:
        admin = AdminClient(options)
    except KafkaException as failure:
        raise ConfigError([f"kafka settings: {failure.args[0].str()}"]) from None
    deadline_s = time.monotonic() + timeout_s
    look_s = min(FIRST_LOOK_S, timeout_s)
    while True:
        try:
            brokers = admin.list_topics(timeout=look_s).brokers.values()
        except KafkaException as fault:
            admin.poll(0)  # hands over the errors that led to this one
            look_s = deadline_s - time.monotonic()
            if look_s <= 0 or is_refused(errors):
                return Answer([], errors, fault.args[0])
        else:
            hosts = ((str(broker.host), broker.port) for broker in brokers)
            names = [f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in hosts]
            return Answer(names, errors, None)


def is_refused(errors: Iterable[KafkaError]) -> bool:
    """Return True if an error says more than that there is no connection yet."""
    final = {KafkaError._SSL, KafkaError._AUTHENTICATION}  # noqa: SLF001 - public names
    return any(error.code() in final or _has_sign(error.str()) for error in errors)


def _has_sign(text: str) -> bool:
    return bool(_ALERT.search(text)) or any(r.sign.search(text) for r in _RULES)


def explain_refusal(errors: Iterable[KafkaError], kafka: KafkaAccess) -> str:
    """Return a line with setting, problem and fix; empty if no reason is found.

    Blocks for up to a few seconds, for a handshake.

    Args:
        errors: Errors of librdkafka's callback.
        kafka: Brokers and credentials that were used.
    """
    texts = [error.str() for error in errors]
    for text in texts:
        match = _ADDRESS(text)
        address = match[1] if match else _first_server(kafka)
        if line := _explain_text(text, address, kafka):
            return line
    down = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - its public name
    if texts and all(error.code() == down for error in errors):
        return _explain_silence(_first_server(kafka), kafka)
    return ""


def _explain_text(text: str, address: str, kafka: KafkaAccess) -> str:
    if "certificate verify failed" in text:
        return _explain_certificate(address, kafka)
    if alert := _ALERT.search(text):
        return _explain_alert(alert[1], address, kafka)
    for rule in _RULES:
        if sign := rule.sign.search(text):
            values = {"kafka": address, "mechanism": kafka.sasl_mechanism}
            return rule.line.format(*sign.groups(), **values)
    return ""


def _explain_alert(alert: str, address: str, kafka: KafkaAccess) -> str:
    if not kafka.ssl_certfile:
        problem = f"{address} asks for a client certificate"
        fix = "set kafka_ssl_certfile and kafka_ssl_keyfile"
    else:
        problem = f"{address} refuses this certificate ({alert})"
        fix = "check that it has not expired, and that the brokers trust its CA"
    return f"kafka_ssl_certfile: {problem}; {fix}"


def _explain_certificate(address: str, kafka: KafkaAccess) -> str:
    try:
        _shake_hands(address, kafka.ssl_context())
    except ssl.SSLCertVerificationError as fault:
        code, reason = fault.verify_code, fault.verify_message.rstrip(".")
    except (OSError, ConfigError):
        code, reason = 0, "certificate verify failed"
    else:
        code, reason = 0, "certificate verify failed"
    if code in _EXPIRED:
        problem = f"the certificate of {address} has expired; renew it on the broker"
        return f"kafka_bootstrap_servers: {problem}"
    if code in _OTHER_HOST:
        problem = f"the certificate of {address} is for another host ({reason})"
        fix = "use a name that it is for, or issue one for this name"
        return f"kafka_bootstrap_servers: {problem}; {fix}"
    problem = f"does not verify the certificate of {address} ({reason})"
    return f"kafka_ssl_cafile: {problem}; name the CA certificates of the brokers"


def _explain_silence(address: str, kafka: KafkaAccess) -> str:
    """Explain a connection that a broker closes without an error."""
    has_tls = kafka.security_protocol.endswith("SSL")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        if not has_tls:
            _shake_hands(address, context)
            fix = "set SSL or SASL_SSL, or use the port of a PLAINTEXT listener"
            return f"kafka_security_protocol: {address} speaks TLS; {fix}"
        _connect(address).close()
    except ssl.SSLError:
        pass
    except OSError:
        return ""
    if "SASL" in kafka.security_protocol:
        return ""
    fix = f"set SASL_{'SSL' if has_tls else 'PLAINTEXT'} if the listener expects SASL"
    return f"kafka_security_protocol: {address} closes the connection; {fix}"


def _shake_hands(address: str, context: ssl.SSLContext) -> None:
    host = address.rpartition(":")[0].strip("[]")
    with (
        _connect(address) as connection,
        context.wrap_socket(connection, server_hostname=host),
    ):
        pass


def _connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), _HANDSHAKE_S)


def _first_server(kafka: KafkaAccess) -> str:
    return kafka.bootstrap.split(",")[0].strip()


def fix_of(error: str) -> dict[str, str]:
    """Return the log field `fix` for an error about a missing right, else nothing."""
    if "authorization" not in error.lower():
        return {}
    return {"fix": "give this user the rights of `klaviyo-streams topics --acls`"}


async def log_unreachable(kafka: KafkaAccess, fault: Exception) -> None:
    """Log why a client cannot connect; it tries again.

    The reason is asked for where there are credentials, which may have ended: a second
    client connects for it.
    """
    is_open = kafka.security_protocol == "PLAINTEXT"
    reason = "" if is_open else await asyncio.to_thread(find_refusal, kafka)
    fields = {"reason": reason} if reason else {}
    log.warning("kafka_unreachable", error=type(fault).__name__, **fields)


def find_refusal(kafka: KafkaAccess, *, timeout_s: float = FIRST_LOOK_S) -> str:
    """Ask Kafka once more, and return the reason why it refuses; empty if unknown."""
    try:
        answer = ask_brokers(kafka, timeout_s=timeout_s)
    except ConfigError as problem:
        return str(problem)
    return explain_refusal(answer.errors, kafka) if answer.failure else ""
