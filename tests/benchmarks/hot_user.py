"""`python -m tests.benchmarks.hot_user`: one user in a great many audiences."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from tests.benchmarks import runs
from tests.benchmarks.staging import broker
from tests.benchmarks.workload import START_MS, STEP_MS, Published

HOT_USER = "user-hot"
AUDIENCES_OF_MANY = 4
"""Audiences of each user of the other backlog."""

INTAKE, ACTIVATE = runs.STAGES[:2]


@click.command()
@click.option(
    "--audiences",
    default=100_000,
    show_default=True,
    type=click.IntRange(min=1_000, max=1_000_000),
    help="Audiences that one user enters.",
)
@click.option(
    "--others",
    default=1_000,
    show_default=True,
    type=click.IntRange(min=1, max=100_000),
    help="Events of other users between them.",
)
def main(*, audiences: int, others: int) -> None:
    """Print what activate takes for one user and for many; nothing is asserted.

    Both backlogs have the same number of events, and every event is a transition.
    """
    count = audiences + others
    one = [_entered(*_of_one(n, every=count // others)) for n in range(count)]
    many = [_entered(*_of_many(n)) for n in range(count)]
    costs_us = [_activated(name, each) for name, each in (("one", one), ("many", many))]
    click.echo(f"one user to many users: {costs_us[0] / costs_us[1]:.2f}")


def _of_one(number: int, *, every: int) -> tuple[str, str, int]:
    """Return user, audience and number of an event; some are of other users."""
    user = f"user-{number}" if number % every == every - 1 else HOT_USER
    return user, f"audience-{number}", number


def _of_many(number: int) -> tuple[str, str, int]:
    user, audience = divmod(number, AUDIENCES_OF_MANY)
    return f"user-{user}", f"audience-{audience}", number


def _entered(user: str, audience: str, number: int) -> Published:
    personas: dict[str, Any] = {
        "computation_class": "audience",
        "computation_key": audience,
        "external_audience_id": f"L{number % 1000:05}",
    }
    body = {
        "type": "track",
        "event": "Audience Entered",
        "userId": user,
        "messageId": f"m-{number}",
        "timestamp": START_MS + number * STEP_MS,
        "properties": {"audience_key": audience},
        "context": {"traits": {"email": f"{user}@example.com"}, "personas": personas},
    }
    return Published(key=user.encode(), value=orjson.dumps(body))


def _activated(name: str, records: Sequence[Published]) -> float:
    """Run intake, then activate alone; return microseconds of CPU an event."""
    with broker() as bootstrap, tempfile.TemporaryDirectory(prefix="bench-") as home:
        written = records
        for stage in (INTAKE, ACTIVATE):
            with runs.start_environment(bootstrap, Path(home)) as environment:
                spent, by_stage = runs.one_stage(environment, stage, written)
            written = [record for each in by_stage.values() for record in each]
    each_us = spent.cpu_s / len(records) * 1e6
    rate = len(records) / spent.wall_s
    click.echo(
        f"{name:6} {len(records):,} events, {len(written):,} activations,"
        f" {each_us:.0f} µs CPU an event, {rate:,.0f} events a second"
    )
    return each_us


if __name__ == "__main__":
    main()
