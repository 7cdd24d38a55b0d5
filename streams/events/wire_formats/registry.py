"""Settings of a schema registry, as written in a source of the destination file."""

from dataclasses import dataclass
from typing import Final

TIMEOUT_DEFAULT_S: Final = 5.0
"""Ours: confluent-kafka's own default (2.16.1) is to wait for ever."""

TIMEOUT_MAX_S: Final = 60

UNKNOWN_SCHEMA_DEFAULT_S: Final = 60.0
"""Ours: a schema that is replicated to a second registry is there within seconds."""

UNKNOWN_SCHEMA_MAX_S: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Schema registry of a source.

    Secrets stand in the environment or in files; this names them.

    Attributes:
        url: Address of its Confluent API, such as `http://registry:8081`.
        username_env: Variable with the user name; empty without one.
        password_env: Variable with the password.
        username_file: File with the user name.
        password_file: File with the password.
        bearer_token_env: Variable with a bearer token.
        bearer_token_file: File with a bearer token.
        logical_cluster: Confluent Cloud's name of the registry, for a bearer token.
        global_ids: Whether its Confluent API takes Apicurio's global ids: it runs in
            the legacy id mode.
        ca_file: Certificates of the authorities to trust, PEM.
        cert_file: Certificate of the worker, PEM.
        key_file: Private key of the certificate, PEM.
        timeout_s: Longest time for an answer, seconds.
        unknown_schema_s: Time after which a schema that the registry does not know
            makes its records dead letters, seconds.
    """

    url: str
    username_env: str = ""
    password_env: str = ""
    username_file: str = ""
    password_file: str = ""
    bearer_token_env: str = ""
    bearer_token_file: str = ""
    logical_cluster: str = ""
    global_ids: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    timeout_s: float = TIMEOUT_DEFAULT_S
    unknown_schema_s: float = UNKNOWN_SCHEMA_DEFAULT_S
