"""Time in which the event loop runs a coroutine, without the time that it waits."""

import time
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from prometheus_client import Counter


@types.coroutine
def timed(
    work: Coroutine[Any, Any, None],
    busy_s: Counter,
    *,
    clock_s: Callable[[], float] = time.perf_counter,
) -> Generator[Any, Any, None]:
    """Run a coroutine, and count the seconds of each of its steps.

    Args:
        work: The coroutine.
        busy_s: Counter of seconds.
        clock_s: Clock in seconds.
    """
    sent: Any = None
    fault: BaseException | None = None
    while True:
        started_s = clock_s()
        try:
            awaited = work.send(sent) if fault is None else work.throw(fault)
        except StopIteration:
            return
        finally:
            busy_s.inc(clock_s() - started_s)
        sent, fault = None, None
        try:
            sent = yield awaited
        except BaseException as thrown:  # noqa: BLE001 - a cancellation too is the coroutine's
            fault = thrown
