"""Signals that end a process in an orderly way."""

import os
import signal
import sys
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_signals() -> None:
    """Make SIGINT and SIGTERM raise KeyboardInterrupt, also behind a shell's `&`.

    A second Ctrl-C does not stop the cleanup.
    """
    for signal_number in _SIGNALS:
        signal.signal(signal_number, _raise_interrupt)


def exit_on_sigterm_while_starting() -> None:
    """Make SIGTERM end the process with exit code 0 until the worker is running.

    A worker that still imports modules or creates topics owns no partition and has read
    no record, so an immediate exit loses nothing. An exception raised in the middle of
    an import could be swallowed there, so the handler exits directly. The event loop
    of the running worker replaces this handler with its own.
    """
    signal.signal(signal.SIGTERM, _exit_at_once)


def _raise_interrupt(_number: int, _frame: object) -> NoReturn:
    for signal_number in _SIGNALS:
        signal.signal(signal_number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _exit_at_once(_number: int, _frame: object) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
