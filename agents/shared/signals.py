"""Signals that end a command in order."""

import signal
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_signals() -> None:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt, also behind a shell's `&`.

    Whoever presses Ctrl-C a second time does not stop the cleaning up.
    """
    for signal_number in _SIGNALS:
        signal.signal(signal_number, _raise_interrupt)


def _raise_interrupt(_number: int, _frame: object) -> NoReturn:
    for signal_number in _SIGNALS:
        signal.signal(signal_number, signal.SIG_IGN)
    raise KeyboardInterrupt
