"""Command line: `klaviyo-streams COMMAND`."""

import sys

from agents.shared.signals import exit_on_sigterm_while_starting

if sys.argv[1:2] == ["worker"]:
    exit_on_sigterm_while_starting()  # the imports below take a second or more

import click

from agents.cli.audiences import audiences
from agents.cli.check import check
from agents.cli.deadletters import deadletters
from agents.cli.demo import demo
from agents.cli.explain import explain
from agents.cli.metrics import metrics
from agents.cli.reconcile import reconcile
from agents.cli.replay import replay
from agents.cli.sandbox import sandbox
from agents.cli.send import send
from agents.cli.sources import sources
from agents.cli.sync import sync
from agents.cli.topics import topics
from agents.cli.worker import worker
from streams.errors import StreamsError


class _CommandGroup(click.Group):
    """Group of commands that prints expected errors without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except StreamsError as error:
            raise click.ClickException(str(error)) from None


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
    klaviyo-streams explain          show the requests for events on standard input
    klaviyo-streams send             send these requests and show the results
    """  # noqa: D301 - click reads the backspace


_COMMANDS = (
    demo,
    worker,
    topics,
    audiences,
    replay,
    deadletters,
    reconcile,
    sync,
    sandbox,
    sources,
    check,
    metrics,
    explain,
    send,
)
for command in _COMMANDS:
    main.add_command(command)
