"""What several commands share: the settings, and how they are given."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from agents.cli.support.tester_options import load_destination
from streams.destination.model import Destination
from streams.errors import ConfigError
from streams.settings import Settings, load_settings
from streams.settings.loader import find_destination_path

CommandT = TypeVar("CommandT", bound=Callable[..., object])


def settings_option(command: CommandT) -> CommandT:
    """Add `--settings FILE` to a command."""
    return click.option(
        "--settings",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML settings file; KLAVIYO_STREAMS_* in the environment come first.",
    )(command)


def read_worker(
    file: Path | None, *, for_delivery: bool = True
) -> tuple[Settings, Destination]:
    """Read the settings and the destination file that they name.

    Args:
        file: The settings file, if one is named.
        for_delivery: Whether the API key is needed where the stage `deliver` is on.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    named = find_destination_path(os.environ, file)
    path = Path(named) if named else None
    if path is not None and not path.is_file():
        raise ConfigError([f"destination: no such file: {path}"])
    destination = load_destination(path)
    settings = load_settings(
        os.environ,
        file,
        base=destination.settings,
        for_delivery=for_delivery,
        api_key_env=destination.api_key_env,
    )
    return settings, destination.with_lists(settings.audience_lists)


def read_settings(file: Path | None) -> Settings:
    """Read the settings, those of the destination file too, for what delivers nothing.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    return read_worker(file, for_delivery=False)[0]
