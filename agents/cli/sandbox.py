"""`klaviyo-streams sandbox`: a local Klaviyo, in the foreground."""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

import click

from streams.sandbox import ALL_SCOPES, Sandbox, SandboxConfig

_EXAMPLES = """\b
Examples:
  klaviyo-streams sandbox
  klaviyo-streams sandbox --no-quotas --job-seconds 0.1
  klaviyo-streams sandbox --port 0 --quota-scale 0.1
  curl localhost:8900/sandbox/state
  curl localhost:8900/sandbox/lists
  curl -X POST localhost:8900/sandbox/faults \\
    -d '{"kind": "throttled", "path": "/api/lists", "count": 3}'
"""


@click.command(epilog=_EXAMPLES)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option(
    "--port", default=8900, show_default=True, help="Port to bind; 0 takes a free one."
)
@click.option(
    "--quota-scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="1.0 is Klaviyo's quotas, 0.1 ten times smaller.",
)
@click.option(
    "--no-quotas", is_flag=True, help="No quotas at all, the daily one neither."
)
@click.option(
    "--job-seconds",
    default=0.25,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How long an import job takes, from acceptance to its end.",
)
@click.option(
    "--api-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Keys to accept, one a line, each optionally with its scopes: `key a:b,c:d`.",
)
@click.option(
    "--api-keys",
    envvar="KLAVIYO_SANDBOX_API_KEYS",
    default="",
    show_envvar=True,
    help="Keys to accept, comma-separated. Without any, every key is accepted.",
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
) -> None:
    """Run a local Klaviyo, with its quotas, import jobs and errors.

    It keeps everything in memory. What it holds is under /sandbox/.
    """
    defaults = SandboxConfig()
    config = SandboxConfig(
        host=host,
        port=port,
        keys=accepted_keys(api_keys, lines=_lines(api_key_file)),
        quota_scale=None if no_quotas else quota_scale,
        lists_per_day=None if no_quotas else defaults.lists_per_day,
        job_queued_s=0.2 * job_seconds,
        job_s=0.8 * job_seconds,
    )
    asyncio.run(serve(config))


def accepted_keys(
    listed: str, *, lines: list[str]
) -> Mapping[str, frozenset[str]] | None:
    """Work out which keys are accepted, with which scopes.

    Args:
        listed: Comma-separated keys, all scopes each.
        lines: `key` or `key scope,scope`, one a line.

    Returns:
        Key to scopes; None, meaning any key, when none is named.
    """
    keys = {key.strip(): ALL_SCOPES for key in listed.split(",") if key.strip()}
    for line in lines:
        key, _, scopes = line.strip().partition(" ")
        if key:
            named = frozenset(scope.strip() for scope in scopes.split(","))
            keys[key] = named - {""} or ALL_SCOPES
    return keys or None


async def serve(config: SandboxConfig) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with Sandbox(config) as klaviyo:
        click.echo(
            f"Klaviyo sandbox on {klaviyo.url} (state: {klaviyo.url}/sandbox/state)"
        )
        await stop.wait()


def _lines(path: Path | None) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path else []
