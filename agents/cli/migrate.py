"""Command `klaviyo-streams migrate`: make a destination file of Segment's exports."""

import sys
from pathlib import Path

import click
import msgspec
import orjson

from agents.cli.support.tester_options import INPUT_FILE
from streams.destination.loader import read_destination
from streams.errors import ConfigError
from streams.mapping.values import Json
from streams.migration.behaviour import find_changes
from streams.migration.destination_file import write_destination_file
from streams.migration.export import Export, read_exports


@click.command()
@click.argument("paths", metavar="FILE...", type=INPUT_FILE, nargs=-1, required=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Destination file to write.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def migrate(
    *, paths: tuple[Path, ...], output: Path | None, force: bool, as_json: bool
) -> None:
    """Make a destination file of what Segment exports, and report what changes.

    Reads JSON of Segment's Public API, or of the UI: the settings of the classic
    Klaviyo destination, the subscriptions of Klaviyo (Actions), audiences of Engage.
    The file has a comment at each decision; the report, on standard error, says what
    behaves differently. Keys in an export are neither written nor printed.

    \b
    Examples:
      klaviyo-streams migrate subscriptions.json --output migrated.yaml
      klaviyo-streams migrate classic.json audiences.json > migrated.yaml
      klaviyo-streams migrate subscriptions.json --output migrated.yaml --force --json
    """  # noqa: D301 - click reads the backspace
    export = read_exports([(str(path), _read_json(path)) for path in paths])
    text = write_destination_file(export)
    read_destination(text)
    if output is None:
        click.echo(text, nl=False)
    elif output.exists() and not force:
        raise click.ClickException(f"{output} exists; add --force to replace it")
    else:
        output.write_text(text, encoding="utf-8")
    _print_report(export, as_json=as_json)


def _read_json(path: Path) -> Json:
    """Decode the JSON of a file.

    Raises:
        ConfigError: The file is not JSON.
    """
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise ConfigError([f"{path}: not JSON at {position}"]) from None


def _print_report(export: Export, *, as_json: bool) -> None:
    changes = find_changes(export)
    if as_json:
        report = {"notes": export.notes, "changes": changes}
        sys.stderr.write(msgspec.json.encode(report).decode() + "\n")
        return
    for note in export.notes:
        click.echo(f"note: {note}", err=True)
    for change in changes:
        click.echo(f"{change.subject}: {change.before} → {change.after}", err=True)
