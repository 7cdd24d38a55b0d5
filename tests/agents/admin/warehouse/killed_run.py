"""`python -m tests.agents.admin.warehouse.killed_run CASE`: a run that may be killed.

The records go to a file, a line each, and are durable when `send` returns.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from agents.admin.warehouse.runner import SyncRunner
from agents.engine.producer import Message, SendResult, Written
from streams.destination.syncs.model import Sync
from streams.settings import load_settings

ROWS = int(os.environ.get("SYNC_TEST_ROWS", "20000"))
"""Rows of the table; 1,000,000 shows the kills of a long run."""

SEND_S = 4_000 / ROWS
"""Time of a send: long enough that some kills hit the middle of the records."""


class RunOfProcess(msgspec.Struct, frozen=True):
    """Run of a process.

    Attributes:
        data_dir: Folder of the state.
        records_path: File that the records go to.
        sync: The sync.
    """

    data_dir: str
    records_path: str
    sync: Sync


class FileProducer:
    """Producer that appends the values of records to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Append the records, and flush."""
        with self._path.open("ab") as file:
            for message in messages:
                file.write((message.value or b"") + b"\n")
        await asyncio.sleep(SEND_S)
        return [Written(None) for _ in messages]


def main(encoded: str) -> None:
    """Run the sync once."""
    case = msgspec.json.decode(encoded, type=RunOfProcess)
    env = {
        "KLAVIYO_STREAMS_DATA_DIR": case.data_dir,
        "KLAVIYO_STREAMS_SOURCE_TOPICS": "rows",
    }
    settings = load_settings(env, None, for_delivery=False)
    runner = SyncRunner(
        settings,
        case.sync,
        report=click.echo,
        producer=FileProducer(Path(case.records_path)),
    )
    click.echo(f"ended {runner.run().phase}")


if __name__ == "__main__":
    main(sys.argv[1])
