"""First contact of a command with Kafka, and Kafka's errors as lines for an operator.

A command tries Kafka once before its work begins, so that a Kafka that is not there, or
does not answer, ends the command soon and with a single line.
"""

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException

from agents.engine.kafka import KafkaAccess
from agents.engine.refusals import ask_brokers, explain_refusal
from streams.errors import ConfigError

KAFKA_CONTACT_S: Final = 5.0
"""Longest wait for Kafka's first answer: Kafka and then Klaviyo stay below 10 s."""

_BOOTSTRAP: Final = "kafka_bootstrap_servers"
_NO_ANSWER: Final = (
    "no answer from {kafka}; check this setting, and that Kafka is running"
)
_ELSEWHERE: Final = (
    "{kafka} answers, but no broker does at the addresses that it gives ({brokers}); "
    "check that this machine can reach them, or correct Kafka's advertised.listeners"
)
_CREDENTIALS: Final = (
    "{kafka} refuses the credentials; check kafka_security_protocol, "
    "kafka_sasl_mechanism, kafka_sasl_username and kafka_sasl_password"
)
_CERTIFICATE: Final = (
    "no TLS connection to {kafka}; check kafka_security_protocol and kafka_ssl_cafile"
)
_ACCESS: Final = (
    "access denied; give this user the rights of `klaviyo-streams topics --acls`"
)

_DESCRIPTIONS: Final[Mapping[int, str]] = {
    KafkaError._TRANSPORT: _NO_ANSWER,  # noqa: SLF001 - its public name
    KafkaError._TIMED_OUT: _NO_ANSWER,  # noqa: SLF001 - its public name
    KafkaError._RESOLVE: _NO_ANSWER,  # noqa: SLF001 - its public name
    KafkaError._ALL_BROKERS_DOWN: _NO_ANSWER,  # noqa: SLF001 - its public name
    KafkaError._AUTHENTICATION: _CREDENTIALS,  # noqa: SLF001 - its public name
    KafkaError.SASL_AUTHENTICATION_FAILED: _CREDENTIALS,
    KafkaError._SSL: _CERTIFICATE,  # noqa: SLF001 - its public name
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _ACCESS,
}
"""What is wrong and what to do, by the code of Kafka's error."""

_CAUSES: Final = {
    code for code, text in _DESCRIPTIONS.items() if text in (_CREDENTIALS, _CERTIFICATE)
}
"""Codes that say why there is no answer; Kafka's client only logs them and retries."""


_OF_BROKER: Final = re.compile(r"(?:\w+://)?(\S+)/\d+: ").match
"""Address of a broker at the beginning of an error; librdkafka writes `/bootstrap` in
place of the number for the servers of the settings."""


def command_options(kafka: KafkaAccess) -> dict[str, Any]:
    """Return librdkafka's options for a command: no lines of librdkafka's own."""
    return kafka.librdkafka_options() | {"log_level": 0}


def contact_kafka(kafka: KafkaAccess) -> None:
    """Return once Kafka and an advertised broker have answered.

    Raises:
        ConfigError: There is no answer within `KAFKA_CONTACT_S`, or Kafka refuses the
            credentials.
    """
    deadline_s = time.monotonic() + KAFKA_CONTACT_S
    brokers = _list_brokers(kafka, timeout_s=KAFKA_CONTACT_S)
    if not _are_elsewhere(brokers, kafka):
        return
    advertised = replace(kafka, bootstrap=",".join(brokers))
    try:
        _list_brokers(advertised, timeout_s=deadline_s - time.monotonic())
    except ConfigError:
        raise _elsewhere_error(brokers, kafka) from None


def _list_brokers(kafka: KafkaAccess, *, timeout_s: float) -> list[str]:
    """Return the addresses of the brokers that Kafka names.

    Raises:
        ConfigError: There is no answer in time, or Kafka refuses the credentials.
    """
    brokers, errors, failure = ask_brokers(kafka, timeout_s=timeout_s)
    if failure is None:
        return brokers
    if line := explain_refusal(errors, kafka):
        raise ConfigError([line])
    cause = next((e for e in errors if e.code() in _CAUSES), None)
    # The client leaves the bootstrap server as soon as it knows the brokers.
    refusals = (_OF_BROKER(error.str() or "") for error in errors)
    silent_brokers = sorted({match[1] for match in refusals if match})
    if cause is None and _are_elsewhere(silent_brokers, kafka):
        raise _elsewhere_error(silent_brokers, kafka)
    text = describe_kafka_error(cause or failure, kafka=kafka.bootstrap)
    raise ConfigError([f"{_BOOTSTRAP}: {text}"])


def _are_elsewhere(brokers: Collection[str], kafka: KafkaAccess) -> bool:
    """Return True if none of some brokers has an address of the settings."""
    servers = (server.strip() for server in kafka.bootstrap.split(","))
    return bool(brokers) and {*brokers}.isdisjoint(servers)


def _elsewhere_error(brokers: Iterable[str], kafka: KafkaAccess) -> ConfigError:
    text = _ELSEWHERE.format(kafka=kafka.bootstrap, brokers=", ".join(brokers))
    return ConfigError([f"{_BOOTSTRAP}: {text}"])


def describe_kafka_error(error: KafkaError, *, kafka: str = "Kafka") -> str:
    """Describe an error in a line: the fault, the error's name, the fix."""
    if (text := _DESCRIPTIONS.get(error.code())) is None:
        return error.name()
    problem, _, fix = text.format(kafka=kafka).partition("; ")
    return f"{problem} ({error.name()}); {fix}"


@contextmanager
def translate_kafka_errors(subject: str = _BOOTSTRAP) -> Iterator[None]:
    """Raise Kafka's errors as errors of the configuration.

    Args:
        subject: Setting or topic that the error text names.

    Raises:
        ConfigError: Instead of a KafkaException.
    """
    try:
        yield
    except KafkaException as failure:
        text = describe_kafka_error(failure.args[0])
        raise ConfigError([f"{subject}: {text}"]) from None
