"""The command line: `klaviyo-streams COMMAND`."""

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
from agents.cli.topics import topics
from agents.cli.worker import worker
from streams.errors import StreamsError


class _Cli(click.Group):
    """Errors raised on purpose are said in words, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except StreamsError as fault:
            raise click.ClickException(str(fault)) from None


@click.group(cls=_Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="klaviyo-streams")
def main() -> None:
    """Get customer data from Kafka into Klaviyo, none lost and none twice.

    \b
    klaviyo-streams demo             the whole journey here, compared with the truth
    klaviyo-streams sandbox          a local Klaviyo to try things on
    klaviyo-streams topics           create the topics a worker needs
    klaviyo-streams worker           run a worker
    klaviyo-streams audiences        who is in which audience
    klaviyo-streams replay           take records in again
    klaviyo-streams deadletters      look at what failed, send it again, put it away
    klaviyo-streams reconcile        compare the table with the lists in Klaviyo
    klaviyo-streams check            read a destination file, name every mistake
    klaviyo-streams metrics          which metrics of its mappings Klaviyo misses
    klaviyo-streams explain          say what would be done for events on stdin
    klaviyo-streams send             do it, and say what came of it
    """  # noqa: D301 - click reads the backspace


_COMMANDS = (
    demo,
    worker,
    topics,
    audiences,
    replay,
    deadletters,
    reconcile,
    sandbox,
    check,
    metrics,
    explain,
    send,
)
for command in _COMMANDS:
    main.add_command(command)
