"""JSON lines in, JSON lines out, one for one."""

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from agents.cli.trial import written
from streams.errors import StreamsError


def answer_lines(answer: Callable[[bytes], dict[str, Any]]) -> None:
    """Answer each line of standard input as it comes, until one end is closed.

    Args:
        answer: Line → what to print; a `StreamsError` it raises is the answer.
    """
    out = click.get_binary_stream("stdout")
    try:
        for line in click.get_binary_stream("stdin"):
            out.write(written(_answered(line, answer)))
            out.flush()
    except BrokenPipeError:
        # Python flushes on exit once more: into nothing, since nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _answered(line: bytes, answer: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
    try:
        return answer(line)
    except StreamsError as fault:
        return {"error": str(fault)}
