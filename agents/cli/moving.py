"""`klaviyo-streams audiences export` and `import`: a table that moves."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from agents.admin import parquet, table_export
from agents.cli.support.settings_options import read_settings, settings_option
from streams.audiences.table_snapshot import (
    TableSnapshot,
    missing_from,
    read_lines,
    write_lines,
)
from streams.errors import ConfigError
from streams.settings import Settings

STDIO = Path("-")
FILE = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
PARQUET = "parquet"

_say: Callable[[str], None] = partial(click.echo, err=True)


@click.command("export")
@click.argument("target", metavar="FILE|-", type=FILE)
@settings_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", PARQUET]),
    help="Without it, what the file's name ends in says; Parquet needs pyarrow.",
)
@click.option("--force", is_flag=True, help="Write though records wait for a stage.")
@click.pass_obj
def export(
    parent: Path | None,
    *,
    target: Path,
    file: Path | None,
    form: str | None,
    force: bool,
) -> None:
    """Write all that the memberships table has to a file, to move it elsewhere.

    Audiences, the words of commands and attributes, and which list each audience has:
    a JSON line each, after a header. Parquet has a line for each word, for reading it
    with other tools.

    For a move, stop the producers, wait until nothing waits for any stage, stop the
    workers, and export: what waits is told in the table already, and would be told
    to nobody from then on. So while records wait it refuses; --force is for a backup.

    \b
    Examples:
      klaviyo-streams audiences export memberships.jsonl
      klaviyo-streams audiences export - | gzip > memberships.jsonl.gz
      klaviyo-streams audiences export memberships.parquet
    """  # noqa: D301 - click reads the backspace
    form = form or (PARQUET if target.suffix == ".parquet" else "jsonl")
    if target == STDIO and form == PARQUET:
        raise click.UsageError("Parquet is not written to standard output")
    if target != STDIO and not target.parent.is_dir():
        raise click.UsageError(f"{target.parent} is no directory")
    settings = read_settings(file or parent)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if target == STDIO:
        copy = _quiet_copy(settings, force=force)
        for line in write_lines(copy, exported_at=now):
            click.echo(line)
    else:
        with told_of(target), replacing(target) as path:
            copy = _quiet_copy(settings, force=force)
            _write(path, copy, form=form, exported_at=now)
    _say(f"exported {copy.summary()}")


def _quiet_copy(settings: Settings, *, force: bool) -> TableSnapshot:
    """Read the table while nothing waits, or as it is."""
    stage, count = table_export.largest_lag(settings)
    if count:
        told = f"{stage} has {count} waiting; stop producers, let workers finish"
        if not force:
            raise ConfigError(
                [f"{told}, or say --force (after transactions a few always wait)"]
            )
        _say(told)
    return table_export.read_snapshot(settings, report=_say)


@contextmanager
def told_of(target: Path) -> Iterator[None]:
    """Let it be told in words when a file can't be written."""
    try:
        yield
    except OSError as fault:
        raise ConfigError([f"{target}: {fault.strerror or fault}"]) from None


@click.command("import")
@click.argument("source", metavar="FILE|-", type=FILE)
@settings_option
@click.option("--apply", is_flag=True, help="Write; without it, only count.")
@click.pass_obj
def import_(
    parent: Path | None, *, source: Path, file: Path | None, apply: bool
) -> None:
    """Take in what export wrote, beside what is there: the newer word wins.

    The file is read to its end before anything is written. Workers must be stopped to
    its end: they hold the table in memory, would never read what is written, and could
    write what is newer before it. It fails where one has started meanwhile; stop it
    then, and import again.

    Words name records of the old cluster: at equal event times, the greater topic,
    partition and offset still wins, and offsets of a new topic begin at 0.

    \b
    Examples:
      klaviyo-streams audiences import memberships.jsonl
      klaviyo-streams audiences import memberships.jsonl --apply
      klaviyo-streams audiences import memberships.parquet --settings production.yaml
      gunzip -c memberships.jsonl.gz | klaviyo-streams audiences import - --apply
    """  # noqa: D301 - click reads the backspace
    copy = _read(source)
    click.echo(f"in the file: {copy.summary()}")
    settings = read_settings(file or parent)
    running = table_export.are_workers_running(settings)
    if apply and running:
        raise ConfigError([table_export.running_workers_problem(settings)])
    there = table_export.read_snapshot(settings, report=_say)
    click.echo(f"there already: {there.summary()}")
    wanted = missing_from(copy, there)
    if not apply:
        click.echo(f"to write: {wanted.summary()}")
        if running:
            click.echo(table_export.running_workers_problem(settings))
        click.echo("nothing was written; --apply writes it")
        return
    table_export.write_while_stopped(settings, wanted, report=_say)
    click.echo(f"written: {wanted.summary()}")


def _read(source: Path) -> TableSnapshot:
    name = "standard input" if source == STDIO else str(source)
    try:
        if source.suffix == ".parquet" or _begins_as_parquet(source):
            return parquet.read_parquet(source)
        with click.open_file(str(source), "rb") as given:
            return read_lines(given)
    except ConfigError as fault:
        told = [f"{name}: {mistake}" for mistake in fault.problems]
        raise ConfigError(told) from None
    except OSError as fault:
        raise ConfigError([f"{name}: {fault.strerror}"]) from None


def _begins_as_parquet(source: Path) -> bool:
    """Say of a file, whatever it is called; what is piped in is read once only."""
    if not source.is_file():
        return False
    with source.open("rb") as given:
        return given.read(len(parquet.PARQUET_MAGIC)) == parquet.PARQUET_MAGIC


def _write(path: Path, copy: TableSnapshot, *, form: str, exported_at: str) -> None:
    if form == PARQUET:
        parquet.write_parquet(path, copy, exported_at=exported_at)
        return
    with path.open("wb") as out:
        out.writelines(
            line + b"\n" for line in write_lines(copy, exported_at=exported_at)
        )


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a file beside it that takes its place at the end, whole and on disk.

    Only its owner may read it: commands are remembered by people's addresses.
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
