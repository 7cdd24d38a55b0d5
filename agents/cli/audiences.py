"""`klaviyo-streams audiences`."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from agents.admin.changelog import read_user_states
from agents.cli.moving import export, import_
from agents.cli.support.settings_options import read_settings, settings_option
from agents.shared.context import kafka_access
from streams.state.last_write import LastWrite
from streams.state.user_row import Memberships


@click.group(invoke_without_command=True)
@settings_option
@click.option("--user", help="Only this user: all audiences, in or out.")
@click.option("--audience", help="Only this audience: everyone in it.")
@click.pass_context
def audiences(
    ctx: click.Context, *, file: Path | None, user: str | None, audience: str | None
) -> None:
    """Show who is in which audience, as the memberships table has it.

    Reads the table's changelog from Kafka: no worker has to run. Without an option it
    counts the members of each audience; with one it prints JSON lines. Its commands
    move the table to another cluster.

    \b
    Examples:
      klaviyo-streams audiences
      klaviyo-streams audiences --user u-17
      klaviyo-streams audiences --audience big_spenders
    """  # noqa: D301 - click reads the backspace
    if ctx.invoked_subcommand is not None:
        if user is not None or audience is not None:
            raise click.UsageError("--user and --audience are of no command")
        ctx.obj = file
        return
    settings = read_settings(file)
    topic = settings.topics.memberships_changelog
    found = read_user_states(kafka_access(settings), topic)
    rows = {name: row.memberships for name, row in found.items()}
    if user is not None:
        lines = _of_user(user, rows.get(user, {}))
    elif audience is not None:
        lines = _of_audience(audience, rows)
    else:
        lines = _counts(rows.values())
    for line in lines:
        click.echo(orjson.dumps(line))


audiences.add_command(export)
audiences.add_command(import_)


def _of_user(user: str, row: Memberships) -> Iterator[dict[str, object]]:
    for audience, membership in sorted(row.items()):
        yield _line(user, audience, membership)


def _of_audience(
    audience: str, rows: dict[str, Memberships]
) -> Iterator[dict[str, object]]:
    for user, row in sorted(rows.items()):
        membership = row.get(audience)
        if membership is not None and membership.inside:
            yield _line(user, audience, membership)


def _counts(rows: Iterable[Memberships]) -> Iterator[dict[str, object]]:
    counts: dict[str, list[int]] = {}
    for row in rows:
        for audience, membership in row.items():
            counts.setdefault(audience, [0, 0])[membership.inside] += 1
    for audience, (outside, inside) in sorted(counts.items()):
        yield {"audience": audience, "inside": inside, "left": outside}


def _line(user: str, audience: str, membership: LastWrite) -> dict[str, object]:
    since = datetime.fromtimestamp(membership.time_ms / 1000, UTC)
    return {
        "user": user,
        "audience": audience,
        "inside": membership.inside,
        "since": since.isoformat(),
        "moved_by": str(membership.origin),
        "list_id": membership.list_id,
    }
