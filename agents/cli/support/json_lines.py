"""JSON lines in, JSON lines out, one for one."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import click

from agents.cli.support.event_tester import encode_answer
from streams.errors import StreamsError

JsonAnswer: TypeAlias = dict[str, Any]
"""What is printed for a line."""

LineHandler: TypeAlias = Callable[[bytes], Awaitable[JsonAnswer]]
"""Line → what to print; a `StreamsError` it raises is the answer."""


def answer_lines(runner: asyncio.Runner, answer: LineHandler) -> None:
    """Answer each line of standard input as it comes, until one end is closed.

    Args:
        runner: Its loop does it.
        answer: Gives the answers.
    """
    # One task for all lines: one each would take a fifth of the time. Runner.run would
    # take Ctrl-C for itself, and reading from a terminal would go on.
    runner.get_loop().run_until_complete(_answer_all(answer))


async def _answer_all(answer: LineHandler) -> None:
    out = click.get_binary_stream("stdout")
    try:
        for line in click.get_binary_stream("stdin"):
            out.write(encode_answer(await _answered(line, answer)))
            out.flush()
    except BrokenPipeError:
        # Python flushes on exit once more: into nothing, since nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _answered(line: bytes, answer: LineHandler) -> JsonAnswer:
    try:
        return await answer(line)
    except StreamsError as fault:
        return {"error": str(fault)}
    except Exception as fault:  # noqa: BLE001  # no line may end the others
        return {"error": f"failed: {type(fault).__name__}"}
