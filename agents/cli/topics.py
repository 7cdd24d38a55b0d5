"""Command `klaviyo-streams topics`: create the topics that a worker needs."""

from pathlib import Path

import click

from agents.admin.kafka_contact import contact_kafka
from agents.cli.support.settings_options import read_settings, settings_option
from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics, topic_specs


@click.command()
@settings_option
@click.option("--dry-run", is_flag=True, help="List the topics, create none.")
def topics(*, settings_path: Path | None, dry_run: bool) -> None:
    """Create missing topics, and check the configuration of the existing topics.

    \b
    Examples:
      klaviyo-streams topics --dry-run
      KLAVIYO_STREAMS_TOPIC_REPLICATION_FACTOR=3 klaviyo-streams topics
    """  # noqa: D301 - click reads the backspace
    settings = read_settings(settings_path)
    access = kafka_access(settings)
    if not dry_run:
        contact_kafka(access)
    created = [] if dry_run else ensure_topics(access, settings)
    for spec in topic_specs(settings):
        status = "created" if spec.name in created else "exists"
        config = " ".join(f"{name}={value}" for name, value in spec.config.items())
        line = (
            f"{'needed' if dry_run else status}\t{spec.name}"
            f"\t{spec.partitions} partitions\t{config}"
        )
        click.echo(line.rstrip())
