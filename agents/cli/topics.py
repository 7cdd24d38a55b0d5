"""Command `klaviyo-streams topics`: create the topics that a worker needs."""

import re
from pathlib import Path

import click

from agents.admin.kafka_contact import contact_kafka
from agents.cli.support.settings_options import read_settings, settings_option
from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics, topic_specs
from streams.errors import ConfigError
from streams.settings import Settings
from streams.settings.acls import Acl, least_acls

ALL_ROLES = "all"


@click.command()
@settings_option
@click.option("--dry-run", is_flag=True, help="List the topics, create none.")
@click.option(
    "--acls",
    "principal",
    metavar="PRINCIPAL",
    help="Print kafka-acls commands with the least rights, for User:NAME.",
)
@click.option(
    "--for",
    "role",
    default="worker",
    show_default=True,
    help="With --acls: worker, all, or a command such as `replay`.",
)
def topics(
    *, settings_path: Path | None, dry_run: bool, principal: str | None, role: str
) -> None:
    """Create missing topics, and check the configuration of the existing topics.

    \b
    Examples:
      klaviyo-streams topics --dry-run
      KLAVIYO_STREAMS_TOPIC_REPLICATION_FACTOR=3 klaviyo-streams topics
      klaviyo-streams topics --acls User:streams
      klaviyo-streams topics --acls User:operator --for replay
    """  # noqa: D301 - click reads the backspace
    settings = read_settings(settings_path)
    if principal is not None:
        print_acls(settings, principal, role)
        return
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


def print_acls(settings: Settings, principal: str, role: str) -> None:
    """Print a `kafka-acls` command for each resource that a role needs.

    Raises:
        ConfigError: The role or the principal is unknown.
    """
    if not re.fullmatch(r"\w+:[^\s'\"]+", principal):
        raise ConfigError([f"--acls: {principal!r} is not a principal: User:NAME"])
    roles = least_acls(settings, (spec.name for spec in topic_specs(settings)))
    if role not in (*roles, ALL_ROLES):
        allowed = ", ".join((*roles, ALL_ROLES))
        raise ConfigError([f"--for: {role!r} is not one of {allowed}"])
    for name, acls in roles.items():
        if role in (name, ALL_ROLES):
            click.echo(f"# {name}")
            for acl in acls:
                click.echo(_acl_command(acl, principal))


def _acl_command(acl: Acl, principal: str) -> str:
    operations = " ".join(f"--operation {operation}" for operation in acl.operations)
    pattern = " --resource-pattern-type prefixed" if acl.is_prefix else ""
    return (
        'kafka-acls --bootstrap-server "$KAFKA" --command-config "$KAFKA_CONFIG" --add '
        f"--allow-principal '{principal}' {operations} --{acl.resource} '{acl.name}'"
        f"{pattern}"
    )
