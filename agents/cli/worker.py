"""Command `klaviyo-streams worker`: run a worker until SIGTERM."""

import gc
from pathlib import Path

import click
import faust
import mode.loop
import structlog

from agents.admin.kafka_contact import contact_kafka
from agents.app import build_app
from agents.cli.support.settings_options import read_worker, settings_option
from agents.shared import logging
from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics
from streams.destination.model import Destination

log = structlog.get_logger(__name__)

GC_ALLOCATIONS = 20_000
"""Allocations between two collections; Python's default of 700 took 15 % of the CPU."""


@click.command()
@settings_option
@click.option(
    "--create-topics/--no-create-topics",
    default=True,
    show_default=True,
    help="Create missing topics before starting.",
)
def worker(*, settings_path: Path | None, create_topics: bool) -> None:
    """Run a worker with the stages from the settings: intake, activate, deliver.

    Stop it with SIGTERM: the worker finishes what is in progress, commits, and exits
    with code 0. Exit code 70 means that the worker stopped itself because it could
    have lost a record: start it again.

    \b
    Examples:
      KLAVIYO_API_KEY=... klaviyo-streams worker
      klaviyo-streams worker --settings production.yaml
      KLAVIYO_STREAMS_STAGES=deliver klaviyo-streams worker --no-create-topics
    """  # noqa: D301 - click reads the backspace
    settings, destination = read_worker(settings_path)
    logging.configure_logging(settings.log_level)
    log_notices(destination)
    if create_topics:
        access = kafka_access(settings)
        contact_kafka(access)
        ensure_topics(access, settings)
    mode.loop.use("uvloop")
    app = build_app(settings, destination)
    _relax_garbage_collection()
    process = faust.Worker(
        app, override_logging=False, redirect_stdouts=False, quiet=True
    )
    process.spinner = None  # its escape codes would end up in the log
    process.execute_from_commandline()


def log_notices(destination: Destination) -> None:
    """Log notices for operators on settings that were left at the default."""
    if notice := destination.identity_rules.notice:
        log.info("unknown_persons_are_sent", notice=notice)


def _relax_garbage_collection() -> None:
    """Collect cycles less often: the tens of thousands of pending records have none."""
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)
