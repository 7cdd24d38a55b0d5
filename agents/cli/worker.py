"""`klaviyo-streams worker`."""

import gc
from pathlib import Path

import click
import faust
import mode.loop

from agents.app import build_app
from agents.cli.support.settings_options import read_worker, settings_option
from agents.shared import logging
from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics

GC_ALLOCATIONS = 20_000
"""Objects made between two collections; at Python's 700 they took 15 % of the CPU."""


@click.command()
@settings_option
@click.option(
    "--create-topics/--no-create-topics",
    default=True,
    show_default=True,
    help="Create missing topics before starting.",
)
def worker(*, file: Path | None, create_topics: bool) -> None:
    """Run a worker: intake, activate and deliver, or the stages the settings name.

    Stop it with SIGTERM: it finishes what is under way, commits it, and exits 0.
    Exit code 70 means it ended itself rather than lose a record: start it again.

    \b
    Examples:
      KLAVIYO_API_KEY=... klaviyo-streams worker
      klaviyo-streams worker --settings production.yaml
      KLAVIYO_STREAMS_STAGES=deliver klaviyo-streams worker --no-create-topics
    """  # noqa: D301 - click reads the backspace
    settings, destination = read_worker(file)
    logging.configure_logging(settings.log_level)
    if create_topics:
        ensure_topics(kafka_access(settings), settings)
    mode.loop.use("uvloop")
    app = build_app(settings, destination)
    _relax_garbage_collection()
    process = faust.Worker(
        app, override_logging=False, redirect_stdouts=False, quiet=True
    )
    process.spinner = None  # its escape codes would stand in the log
    process.execute_from_commandline()


def _relax_garbage_collection() -> None:
    """Look for cycles less often: tens of thousands of waiting records are none."""
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)
