"""`klaviyo-streams topics`."""

from pathlib import Path

import click

from agents.cli.support.settings_options import read_settings, settings_option
from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics, topic_specs


@click.command()
@settings_option
@click.option("--dry-run", is_flag=True, help="Print what a worker needs; create none.")
def topics(*, file: Path | None, dry_run: bool) -> None:
    """Create the topics a worker needs, and check those that are there.

    \b
    Examples:
      klaviyo-streams topics --dry-run
      KLAVIYO_STREAMS_TOPIC_REPLICATION_FACTOR=3 klaviyo-streams topics
    """  # noqa: D301 - click reads the backspace
    settings = read_settings(file)
    created = [] if dry_run else ensure_topics(kafka_access(settings), settings)
    for spec in topic_specs(settings):
        state = "created" if spec.name in created else "needed" if dry_run else "there"
        config = " ".join(f"{name}={value}" for name, value in spec.config.items())
        line = f"{state}\t{spec.name}\t{spec.partitions} partitions\t{config}"
        click.echo(line.rstrip())
