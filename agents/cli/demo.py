"""Command `klaviyo-streams demo`: run the whole pipeline here and verify the result."""

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
    help="Number of different events; a fifth of them is published twice.",
)
@click.option(
    "--seed",
    default=1,
    show_default=True,
    help="Seed for the generated events.",
)
@click.option(
    "--kafka",
    default="",
    metavar="BOOTSTRAP",
    help="Your own Kafka (host:port) instead of the embedded broker. Topics are "
    "created there with the prefix klaviyo-streams-demo- and deleted at the end.",
)
@click.option(
    "--keep", is_flag=True, help="Keep the local Klaviyo running until Ctrl-C."
)
@click.pass_context
def demo(
    context: click.Context, *, events: int, seed: int, kafka: str, keep: bool
) -> None:
    """Run the whole pipeline on this machine and verify the result.

    Starts a broker, a local Klaviyo with Klaviyo's quotas, and a worker. Publishes a
    day of a shop: audiences, orders, subscriptions and profile updates, including
    duplicates and late events. Waits until every event has all its outcomes. Then
    compares lists, profiles, events and consents with the expected result, which is
    computed independently of the pipeline. Needs neither Kafka nor Klaviyo, and takes
    half a minute.

    The exit code is 0 if everything is equal, and 1 otherwise. Your own settings are
    ignored, except KLAVIYO_STREAMS_KAFKA_* together with --kafka.

    \b
    Examples:
      klaviyo-streams demo
      klaviyo-streams demo --events 1000 --seed 7
      klaviyo-streams demo --kafka localhost:9092
      klaviyo-streams demo --keep
    """  # noqa: D301 - click reads the backspace
    options = DemoOptions(events=events, seed=seed, kafka=kafka, keep=keep)
    context.exit(run_demo(options, Console()))
