"""How this worker reaches Kafka, in the words of the two clients it uses."""

import ssl
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiokafka.structs import ConsumerRecord

Record: TypeAlias = "ConsumerRecord[Any, Any]"
"""A record as aiokafka gives it; key and value are bytes or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAccess:
    """Where the brokers are and how to be let in; `repr` hides the password."""

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str = ""
    sasl_password: str = ""
    ssl_cafile: str = ""

    def __repr__(self) -> str:
        return f"KafkaAccess({self.bootstrap}, {self.security_protocol})"

    def aiokafka_options(self) -> dict[str, Any]:
        """Keyword arguments of `AIOKafkaConsumer`."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
        }
        if "SASL" in self.security_protocol:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        if "SSL" in self.security_protocol:
            cafile = self.ssl_cafile or None
            options["ssl_context"] = ssl.create_default_context(cafile=cafile)
        return options

    def librdkafka_options(self) -> dict[str, Any]:
        """Configuration of `confluent_kafka` clients."""
        options: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.security_protocol,
            "log_level": 3,
        }
        if "SASL" in self.security_protocol:
            options |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password,
            }
        if "SSL" in self.security_protocol and self.ssl_cafile:
            options["ssl.ca.location"] = self.ssl_cafile
        return options
