"""Command line: `klaviyo-streams COMMAND`."""

import sys

from agents.shared.signals import exit_on_sigterm_while_starting

if sys.argv[1:2] == ["worker"]:
    exit_on_sigterm_while_starting()  # the imports of a worker take a second or more

from importlib import import_module

import click

from streams.errors import StreamsError

COMMANDS = (
    "demo",
    "worker",
    "topics",
    "audiences",
    "replay",
    "deadletters",
    "reconcile",
    "sync",
    "sandbox",
    "sources",
    "check",
    "metrics",
    "doctor",
    "migrate",
    "compare",
    "explain",
    "send",
)
"""Names of all commands: command X is the function X of the module agents.cli.X."""


class _CommandGroup(click.Group):
    """Group of commands that imports a command when it is used.

    Expected errors are printed without a traceback.
    """

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; a name that is none gives None."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an expected error ends it with one line and exit code 1."""
        try:
            return super().invoke(ctx)
        except StreamsError as error:
            raise click.ClickException(str(error)) from None


def load_command(name: str) -> click.Command:
    """Import the command of a name in `COMMANDS`."""
    command: click.Command = getattr(import_module(f"agents.cli.{name}"), name)
    return command


@click.group(
    cls=_CommandGroup, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="klaviyo-streams")
def main() -> None:
    """Send customer data from Kafka to Klaviyo, with no loss and no duplicates.

    \b
    klaviyo-streams demo             run the whole pipeline here and verify the result
    klaviyo-streams sandbox          run a local Klaviyo
    klaviyo-streams topics           create the topics that a worker needs
    klaviyo-streams worker           run a worker
    klaviyo-streams audiences        show memberships; export and import the table
    klaviyo-streams replay           reprocess records
    klaviyo-streams deadletters      inspect, requeue or discard failed records
    klaviyo-streams reconcile        compare memberships with the lists in Klaviyo
    klaviyo-streams sources          list sources, and inspect topics
    klaviyo-streams sync             send the changed rows of a warehouse
    klaviyo-streams check            validate a destination file
    klaviyo-streams metrics          check that mapped metrics exist in Klaviyo
    klaviyo-streams doctor           check Kafka, Klaviyo and this machine, with fixes
    klaviyo-streams migrate          make a destination file of Segment's exports
    klaviyo-streams compare          compare the requests of two destination files
    klaviyo-streams explain          show the requests for events on standard input
    klaviyo-streams send             send these requests and show the results
    """  # noqa: D301 - click reads the backspace
