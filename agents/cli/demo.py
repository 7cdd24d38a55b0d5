"""`klaviyo-streams demo`."""

import click
from rich.console import Console

from agents.demo.runner import DemoOptions, run_demo

EVENTS_MAX = 20_000
"""The embedded broker keeps some 5 MB a partition; two fifths of that are used here."""


@click.command()
@click.option(
    "--events",
    default=4_000,
    show_default=True,
    type=click.IntRange(min=1, max=EVENTS_MAX),
    help="How many different events; a fifth is published twice.",
)
@click.option(
    "--seed",
    default=1,
    show_default=True,
    help="Of all chance in the events; another one is another day.",
)
@click.option(
    "--kafka",
    default="",
    metavar="BOOTSTRAP",
    help="A Kafka of yours, host:port, instead of the embedded one; the topics made "
    "there begin with klaviyo-streams-demo- and are deleted again.",
)
@click.option(
    "--keep", is_flag=True, help="Leave the local Klaviyo up at the end, until Ctrl-C."
)
@click.pass_context
def demo(
    context: click.Context, *, events: int, seed: int, kafka: str, keep: bool
) -> None:
    """Show the whole journey on this machine, and judge it.

    Starts a broker, a local Klaviyo with Klaviyo's quotas and a worker; publishes a
    shop's day of audiences, orders, subscriptions and profile updates, with repeats
    and late ones; waits until every one has its outcomes; compares lists, profiles,
    events and consents with the truth, which is computed apart from the pipeline.
    Needs neither Kafka nor Klaviyo, and takes half a minute.

    Exits 0 when all is equal and 1 on any difference. Of your settings it takes only
    KLAVIYO_STREAMS_KAFKA_*, and these only with --kafka.

    \b
    Examples:
      klaviyo-streams demo
      klaviyo-streams demo --events 1000 --seed 7
      klaviyo-streams demo --kafka localhost:9092
      klaviyo-streams demo --keep
    """  # noqa: D301 - click reads the backspace
    plan = DemoOptions(events=events, seed=seed, kafka=kafka, keep=keep)
    context.exit(run_demo(plan, Console()))
