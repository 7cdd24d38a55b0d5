"""What several commands share: the settings, and how they are given."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from streams.settings import Settings, load

F = TypeVar("F", bound=Callable[..., object])


def settings_option(command: F) -> F:
    """Add `--settings FILE` to a command."""
    return click.option(
        "--settings",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML settings file; KLAVIYO_STREAMS_* in the environment come first.",
    )(command)


def read_settings(file: Path | None, *, for_delivery: bool = False) -> Settings:
    """Read the settings as the command line gives them.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    return load(os.environ, file, for_delivery=for_delivery)
