"""Command `klaviyo-streams sandbox`: run a local Klaviyo in the foreground."""

import asyncio
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from streams.sandbox import ALL_SCOPES, Sandbox, SandboxConfig
from streams.sandbox.switches import VALUES, Switches

_SWITCHES = "".join(f"\n  {name}={'|'.join(values)}" for name, values in VALUES.items())

_SWITCHES_HELP = f"""\b
Switches, the default first; streams/sandbox/IDENTITY.md explains them:{_SWITCHES}
"""

_EXAMPLES = """\b
Examples:
  klaviyo-streams sandbox
  klaviyo-streams sandbox --no-quotas --job-seconds 0.1
  klaviyo-streams sandbox --port 0 --quota-scale 0.1
  klaviyo-streams sandbox --switch taken_phone=keep --switch merge_status=201
  curl localhost:8900/sandbox/state
  curl localhost:8900/sandbox/lists
  curl -X POST localhost:8900/sandbox/faults \\
    -d '{"kind": "throttled", "path": "/api/lists", "count": 3}'
"""


@click.command(epilog=f"{_SWITCHES_HELP}\n{_EXAMPLES}")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option(
    "--port", default=8900, show_default=True, help="Port to bind; 0 for a free port."
)
@click.option(
    "--quota-scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Factor of Klaviyo's quotas; 0.1 makes them ten times smaller.",
)
@click.option(
    "--no-quotas",
    is_flag=True,
    help="Disable all rate limits, including the daily one.",
)
@click.option(
    "--job-seconds",
    default=0.25,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Duration of an import job, from acceptance to completion.",
)
@click.option(
    "--api-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of accepted keys, one per line, with optional scopes: `key a:b,c:d`.",
)
@click.option(
    "--api-keys",
    envvar="KLAVIYO_SANDBOX_API_KEYS",
    default="",
    show_envvar=True,
    help="Accepted keys, comma-separated. Without any, every key is accepted.",
)
@click.option(
    "--switch",
    "switches",
    metavar="NAME=VALUE",
    multiple=True,
    callback=lambda _, __, values: parse_switches(values),
    help="Behaviour where Klaviyo's own is not established; repeatable. See below.",
)
def sandbox(  # noqa: PLR0913  # one argument an option
    *,
    host: str,
    port: int,
    quota_scale: float,
    no_quotas: bool,
    job_seconds: float,
    api_key_file: Path | None,
    api_keys: str,
    switches: Switches,
) -> None:
    """Run a local Klaviyo with quotas, import jobs and errors.

    All data is kept in memory. The pages under /sandbox/ show and change it.
    """
    defaults = SandboxConfig()
    config = SandboxConfig(
        host=host,
        port=port,
        keys=accepted_keys(api_keys, lines=_read_lines(api_key_file)),
        quota_scale=None if no_quotas else quota_scale,
        lists_per_day=None if no_quotas else defaults.lists_per_day,
        job_queued_s=0.2 * job_seconds,
        job_s=0.8 * job_seconds,
        switches=switches,
    )
    asyncio.run(serve(config))


def accepted_keys(
    api_keys: str, *, lines: list[str]
) -> Mapping[str, frozenset[str]] | None:
    """Return the scopes of each accepted key.

    Args:
        api_keys: Comma-separated keys, each with all scopes.
        lines: `key` or `key scope,scope`, one per line.

    Returns:
        Key to scopes; None if there are no keys: then every key is accepted.
    """
    keys = {key.strip(): ALL_SCOPES for key in api_keys.split(",") if key.strip()}
    for line in lines:
        key, _, scopes = line.strip().partition(" ")
        if key:
            names = frozenset(scope.strip() for scope in scopes.split(","))
            keys[key] = names - {""} or ALL_SCOPES
    return keys or None


def parse_switches(assignments: Iterable[str]) -> Switches:
    """Parse `name=value` to switches.

    Raises:
        click.BadParameter: Unknown name or value; the text lists the possible ones.
    """
    switches = Switches()
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        try:
            switches.set_values({name: value})
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return switches


async def serve(config: SandboxConfig) -> None:
    """Run the sandbox until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with Sandbox(config) as klaviyo:
        click.echo(
            f"Klaviyo sandbox on {klaviyo.url} (state: {klaviyo.url}/sandbox/state)"
        )
        await stop.wait()


def _read_lines(path: Path | None) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path else []
