"""Answer each JSON line of standard input with a JSON line."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import click

from agents.cli.support.event_tester import encode_answer
from streams.errors import EngineError, StreamsError

JsonAnswer: TypeAlias = dict[str, Any]
"""JSON object printed for a line."""

LineHandler: TypeAlias = Callable[[bytes], Awaitable[JsonAnswer]]
"""Function from a line to its answer; a `StreamsError` becomes an error answer,
but an `EngineError` ends the command."""


def answer_lines(runner: asyncio.Runner, handle: LineHandler) -> None:
    """Answer each line of standard input until either end is closed.

    Args:
        runner: Its loop runs the handler.
        handle: Builds the answer to a line.
    """
    # One task for all lines: one each would take a fifth of the time. Runner.run would
    # take Ctrl-C for itself, and reading from a terminal would go on.
    runner.get_loop().run_until_complete(_answer_all(handle))


async def _answer_all(handle: LineHandler) -> None:
    out = click.get_binary_stream("stdout")
    try:
        for line in click.get_binary_stream("stdin"):
            out.write(encode_answer(await _answer(line, handle)))
            out.flush()
    except BrokenPipeError:
        # Python flushes once more on exit; send that to nowhere, since the reader is
        # gone and a second error would be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _answer(line: bytes, handle: LineHandler) -> JsonAnswer:
    try:
        return await handle(line)
    except EngineError:
        raise  # the next lines would fail alike
    except StreamsError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001  # no line may end the others
        return {"error": f"failed: {type(error).__name__}"}
