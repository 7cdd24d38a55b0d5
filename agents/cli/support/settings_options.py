"""The `--settings` option, and loading of settings and destination file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from agents.admin.kafka_contact import contact_kafka
from agents.cli.support.tester_options import load_destination
from agents.shared.context import kafka_access
from agents.shared.registry.credentials import check_packages, check_secrets
from streams.destination.loader import read_file_sources, read_worker_settings
from streams.destination.model import Destination
from streams.destination.syncs.model import Sync
from streams.destination.syncs.reader import read_syncs_of_file
from streams.errors import ConfigError
from streams.events.sources import Source
from streams.settings import Settings, load_settings
from streams.settings.loader import find_destination_path

CommandT = TypeVar("CommandT", bound=Callable[..., object])


def settings_option(command: CommandT) -> CommandT:
    """Add `--settings FILE` to a command."""
    return click.option(
        "--settings",
        "settings_path",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Settings file (YAML). KLAVIYO_STREAMS_* variables override it.",
    )(command)


def read_worker(settings_path: Path | None) -> tuple[Settings, Destination]:
    """Read the settings, and compile the destination file named there.

    Args:
        settings_path: The settings file, if any.

    Raises:
        ConfigError: All problems found, each with its path.
    """
    destination = load_destination(_destination_path(settings_path))
    settings = load_settings(
        os.environ,
        settings_path,
        base=destination.settings,
        api_key_env=destination.api_key_env,
    )
    _check_topics_read(settings, destination)
    check_packages(destination.sources)
    check_secrets(destination.sources)
    return settings, destination.with_lists(settings.audience_lists)


def _check_topics_read(settings: Settings, destination: Destination) -> None:
    """Refuse a setting that leaves out a source of the destination file.

    Raises:
        ConfigError: A topic of a source is not among the source topics.
    """
    problems = [
        f"sources.{source.name}: topic {topic} is not in source_topics, which the "
        "environment or the settings file sets; add it there, or remove the setting"
        for source in destination.sources
        for topic in source.topics
        if topic not in settings.source_topics
    ]
    if problems:
        raise ConfigError(problems)


def read_settings(settings_path: Path | None) -> Settings:
    """Read the settings for a command that never sends to Klaviyo.

    The destination file may hold settings, so its settings are read, but its mappings
    are not compiled: a wrong mapping must not stop an operator's command.

    Raises:
        ConfigError: All problems found, each with its path.
    """
    path = _destination_path(settings_path)
    base = read_worker_settings(path.read_bytes()) if path is not None else {}
    return load_settings(os.environ, settings_path, base=base, for_delivery=False)


def read_sources(settings_path: Path | None) -> tuple[Source, ...]:
    """Read the sources of the destination file, without compiling the mappings.

    Raises:
        ConfigError: The sources are wrong.
    """
    path = _destination_path(settings_path)
    sources = read_file_sources(path.read_bytes()) if path is not None else ()
    check_packages(sources)
    return sources


def read_settings_and_syncs(
    settings_path: Path | None,
) -> tuple[Settings, dict[str, Sync]]:
    """Read the settings, and the syncs of the destination file named there.

    Raises:
        ConfigError: No destination file is named, or all problems found.
    """
    path = _destination_path(settings_path)
    if path is None:
        problem = "names no file; syncs are a part of the destination file"
        raise ConfigError([f"destination: {problem}"])
    syncs = read_syncs_of_file(path.read_bytes())
    return read_settings(settings_path), syncs


def open_kafka_settings(settings_path: Path | None) -> Settings:
    """Read the settings for a command, and make sure that Kafka answers.

    Raises:
        ConfigError: The settings are wrong, or Kafka does not answer soon.
    """
    settings = read_settings(settings_path)
    contact_kafka(kafka_access(settings))
    return settings


def _destination_path(settings_path: Path | None) -> Path | None:
    """Return the path of the destination file, if the settings name a file."""
    name = find_destination_path(os.environ, settings_path)
    if not name:
        return None
    path = Path(name)
    if not path.is_file():
        raise ConfigError([f"destination: no such file: {path}"])
    return path
