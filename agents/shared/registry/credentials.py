"""Secrets of a schema registry, from the environment and from files."""

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from streams.errors import ConfigError
from streams.events.sources import Source
from streams.events.wire_formats.registry import Registry

_MODULES: Final = ("fastavro", "google.protobuf", "grpc_tools", "httpx2", "authlib")
"""Modules of the extra `registry`; the last two are of confluent-kafka's client."""

INSTALL: Final = "pip install 'klaviyo-streams[registry]'"


def check_packages(sources: Iterable[Source]) -> None:
    """Make sure that the packages for the sources' wire formats are installed.

    Raises:
        ConfigError: The extra `registry` is missing.
    """
    missing = [name for name in _MODULES if not _is_installed(name)]
    problems = [
        f"sources.{source.name}: {source.wire_format} needs {', '.join(missing)}; "
        f"install them: {INSTALL}"
        for source in sources
        if source.needs_registry and missing
    ]
    if problems:
        raise ConfigError(problems)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the package that it is in is not there
        return False


def check_secrets(
    sources: Iterable[Source], environ: Mapping[str, str] = os.environ
) -> None:
    """Make sure that the secrets of all registries can be read.

    Raises:
        ConfigError: A variable or a file is missing, each with its path.
    """
    problems: list[str] = []
    for source in sources:
        if source.registry is not None:
            try:
                client_options(source.registry, environ)
            except ConfigError as error:
                problems += (f"sources.{source.name}.{each}" for each in error.problems)
    if problems:
        raise ConfigError(problems)


def client_options(
    registry: Registry, environ: Mapping[str, str]
) -> dict[str, str | float]:
    """Return the options of confluent-kafka's client.

    Raises:
        ConfigError: A variable or a file is missing.
    """
    username = _secret(registry, "username", environ)
    password = _secret(registry, "password", environ)
    token = _secret(registry, "bearer_token", environ)
    options: dict[str, str | float] = {
        "url": registry.url,
        "timeout": registry.timeout_s,
        "max.retries": 0,  # the store retries: it must notice the end of its worker
    }
    if username or password:
        options["basic.auth.user.info"] = f"{username}:{password}"
    if token:
        options["bearer.auth.credentials.source"] = "STATIC_TOKEN"
        options["bearer.auth.token"] = token
        options["bearer.auth.logical.cluster"] = registry.logical_cluster
    files = {
        "ssl.ca.location": registry.ca_file,
        "ssl.certificate.location": registry.cert_file,
        "ssl.key.location": registry.key_file,
    }
    return options | {name: path for name, path in files.items() if path}


def _secret(registry: Registry, name: str, environ: Mapping[str, str]) -> str:
    variable = getattr(registry, f"{name}_env")
    path = getattr(registry, f"{name}_file")
    if variable:
        if not environ.get(variable):
            problem = f"registry.{name}_env: variable {variable} is not set"
            raise ConfigError([problem])
        return environ[variable]
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as fault:
        problem = f"{path} cannot be read ({type(fault).__name__})"
        raise ConfigError([f"registry.{name}_file: {problem}"]) from None
