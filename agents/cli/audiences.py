"""Command `klaviyo-streams audiences`: show, export and import memberships."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
import orjson

from agents.admin import parquet, table_export
from agents.admin.changelog import read_user_states
from agents.admin.kafka_contact import contact_kafka
from agents.cli.support.settings_options import (
    open_kafka_settings,
    read_settings,
    settings_option,
)
from agents.shared.context import kafka_access
from streams.audiences.table_snapshot import (
    TableSnapshot,
    missing_from,
    read_lines,
    write_lines,
)
from streams.errors import ConfigError
from streams.settings import Settings
from streams.state.entries import LastWrite
from streams.state.user_entries import Memberships

STDIO = Path("-")
FILE_OR_STDIO = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
PARQUET = "parquet"

_echo_error: Callable[[str], None] = partial(click.echo, err=True)


@click.group(invoke_without_command=True)
@settings_option
@click.option("--user", help="Only this user: all audiences, entered or left.")
@click.option("--audience", help="Only this audience: all its members.")
@click.pass_context
def audiences(
    ctx: click.Context,
    *,
    settings_path: Path | None,
    user: str | None,
    audience: str | None,
) -> None:
    """Show audience memberships from the table's changelog in Kafka.

    No worker needs to run. Without an option it counts the members of each audience;
    with --user or --audience it prints JSON lines. The subcommands move the table to
    another cluster.

    \b
    Examples:
      klaviyo-streams audiences
      klaviyo-streams audiences --user u-17
      klaviyo-streams audiences --audience big_spenders
    """  # noqa: D301 - click reads the backspace
    if ctx.invoked_subcommand is not None:
        if user is not None or audience is not None:
            raise click.UsageError(
                "--user and --audience cannot be combined with a subcommand"
            )
        ctx.obj = settings_path
        return
    settings = open_kafka_settings(settings_path)
    topic = settings.topics.memberships_changelog
    states = read_user_states(kafka_access(settings), topic)
    memberships = {user: entries.memberships for user, entries in states.items()}
    for line in _lines(memberships, user=user, audience=audience):
        click.echo(orjson.dumps(line))


def _lines(
    users: dict[str, Memberships], *, user: str | None, audience: str | None
) -> Iterator[dict[str, object]]:
    if user is not None:
        return _lines_of_user(user, users.get(user, {}))
    if audience is not None:
        return _lines_of_audience(audience, users)
    return _member_counts(users.values())


def _lines_of_user(user: str, memberships: Memberships) -> Iterator[dict[str, object]]:
    for audience, membership in sorted(memberships.items()):
        yield _line(user, audience, membership)


def _lines_of_audience(
    audience: str, users: dict[str, Memberships]
) -> Iterator[dict[str, object]]:
    for user, memberships in sorted(users.items()):
        membership = memberships.get(audience)
        if membership is not None and membership.inside:
            yield _line(user, audience, membership)


def _member_counts(users: Iterable[Memberships]) -> Iterator[dict[str, object]]:
    counts: dict[str, list[int]] = {}
    for memberships in users:
        for audience, membership in memberships.items():
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


@audiences.command("export")
@click.argument("target", metavar="FILE|-", type=FILE_OR_STDIO)
@settings_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", PARQUET]),
    help="Default: from the file extension. Parquet needs pyarrow.",
)
@click.option("--force", is_flag=True, help="Export even while records are pending.")
@click.pass_obj
def export(
    parent_settings_path: Path | None,
    *,
    target: Path,
    settings_path: Path | None,
    format_: str | None,
    force: bool,
) -> None:
    """Export the memberships table to a file, to move the table to another cluster.

    The file holds memberships, the last writes of commands and attributes, and the
    list of each audience: a header, then one JSON line per entry. Parquet has one row
    per entry and is meant for analysis with other tools.

    For a move, stop the producers, wait until no stage has any lag, stop the workers,
    then export. The table already counts pending records as processed, so a move
    would lose them: the command fails while records are pending. --force is for
    backups.

    \b
    Examples:
      klaviyo-streams audiences export memberships.jsonl
      klaviyo-streams audiences export - | gzip > memberships.jsonl.gz
      klaviyo-streams audiences export memberships.parquet
    """  # noqa: D301 - click reads the backspace
    format_ = format_ or (PARQUET if target.suffix == ".parquet" else "jsonl")
    if target == STDIO and format_ == PARQUET:
        raise click.UsageError("Parquet cannot be written to standard output")
    if target != STDIO and not target.parent.is_dir():
        raise click.UsageError(f"{target.parent} is not a directory")
    settings = read_settings(settings_path or parent_settings_path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if target == STDIO:
        snapshot = _read_idle_table(settings, force=force)
        for line in write_lines(snapshot, exported_at=now):
            click.echo(line)
    else:
        with translate_file_errors(target), replacement_file(target) as path:
            snapshot = _read_idle_table(settings, force=force)
            _write_file(path, snapshot, format_=format_, exported_at=now)
    _echo_error(f"exported {snapshot.summary()}")


def _read_idle_table(settings: Settings, *, force: bool) -> TableSnapshot:
    """Read the table if no records are pending, or in any case with `force`."""
    contact_kafka(kafka_access(settings))
    stage, count = table_export.largest_lag(settings)
    if count:
        problem = f"{stage} has {count} pending records"
        if not force:
            fix = (
                "stop the producers and let the workers finish, or use --force "
                "(after transactions a few records stay pending)"
            )
            raise ConfigError([f"{problem}; {fix}"])
        _echo_error(problem)
    return table_export.read_snapshot(settings, report=_echo_error)


@contextmanager
def translate_file_errors(target: Path) -> Iterator[None]:
    """Translate file errors into ConfigError."""
    try:
        yield
    except OSError as error:
        raise ConfigError([f"{target}: {error.strerror or error}"]) from None


@audiences.command("import")
@click.argument("source", metavar="FILE|-", type=FILE_OR_STDIO)
@settings_option
@click.option("--apply", is_flag=True, help="Write. Without it, only count.")
@click.pass_obj
def import_(
    parent_settings_path: Path | None,
    *,
    source: Path,
    settings_path: Path | None,
    apply: bool,
) -> None:
    """Import an exported file into the memberships table; newer entries win.

    The whole file is read before anything is written. Workers must be stopped until
    the import ends: they hold the table in memory, would not read the imported
    entries, and could overwrite them. If a worker starts during the import, the
    command fails; stop the worker and import again.

    Entries name records of the old cluster. At equal event times the greater topic,
    partition and offset still wins, although offsets of a new topic begin at 0.

    \b
    Examples:
      klaviyo-streams audiences import memberships.jsonl
      klaviyo-streams audiences import memberships.jsonl --apply
      klaviyo-streams audiences import memberships.parquet --settings production.yaml
      gunzip -c memberships.jsonl.gz | klaviyo-streams audiences import - --apply
    """  # noqa: D301 - click reads the backspace
    snapshot = _read_file(source)
    click.echo(f"in the file: {snapshot.summary()}")
    settings = open_kafka_settings(settings_path or parent_settings_path)
    is_running = table_export.are_workers_running(settings)
    if apply and is_running:
        raise ConfigError([table_export.running_workers_problem(settings)])
    current = table_export.read_snapshot(settings, report=_echo_error)
    click.echo(f"in the table: {current.summary()}")
    new_entries = missing_from(snapshot, current)
    if apply:
        table_export.write_while_stopped(settings, new_entries, report=_echo_error)
        click.echo(f"written: {new_entries.summary()}")
        return
    click.echo(f"to write: {new_entries.summary()}")
    if is_running:
        click.echo(table_export.running_workers_problem(settings))
    click.echo("nothing was written; add --apply to write")


def _read_file(source: Path) -> TableSnapshot:
    name = "standard input" if source == STDIO else str(source)
    try:
        if source.suffix == ".parquet" or _is_parquet(source):
            return parquet.read_parquet(source)
        with click.open_file(str(source), "rb") as file:
            return read_lines(file)
    except ConfigError as error:
        problems = [f"{name}: {problem}" for problem in error.problems]
        raise ConfigError(problems) from None
    except OSError as error:
        raise ConfigError([f"{name}: {error.strerror}"]) from None


def _is_parquet(source: Path) -> bool:
    """Report whether a file begins as Parquet; a pipe can be read only once."""
    if not source.is_file():
        return False
    with source.open("rb") as file:
        return file.read(len(parquet.PARQUET_MAGIC)) == parquet.PARQUET_MAGIC


def _write_file(
    path: Path, snapshot: TableSnapshot, *, format_: str, exported_at: str
) -> None:
    if format_ == PARQUET:
        parquet.write_parquet(path, snapshot, exported_at=exported_at)
        return
    with path.open("wb") as out:
        out.writelines(
            line + b"\n" for line in write_lines(snapshot, exported_at=exported_at)
        )


@contextmanager
def replacement_file(target: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces the target once complete and on disk.

    Only its owner may read it: entries of commands contain customers' addresses.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    path = Path(name)
    try:
        yield path
        os.fsync(handle)
        path.replace(target)
    finally:
        os.close(handle)
        path.unlink(missing_ok=True)
