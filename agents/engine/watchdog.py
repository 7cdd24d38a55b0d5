"""Watchdog that ends a frozen or stuck worker, so that other workers take over.

A worker that was frozen longer than its session (a paused machine, a blocked loop) has
lost its partitions without knowing. A worker whose reader hangs would keep its
partitions for ever. Both end here with exit code 70, and commit nothing unfinished.
"""

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, NoReturn, ParamSpec

import structlog
from mode import Service

P = ParamSpec("P")

log = structlog.get_logger(__name__)

EXIT_SOFTWARE = 70
"""`EX_SOFTWARE` of sysexits.h: an internal error; start the process again."""

TICK_S = 0.5


def end_process(reason: str) -> NoReturn:
    """End the process at once: no handlers, no commits, no acknowledgements."""
    log.error("worker_exiting", reason=reason, fix="restart it; nothing is lost")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_SOFTWARE)


def exit_on_error(
    agent: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, Coroutine[Any, Any, None]]:
    """Wrap an agent so that an uncaught error ends the process.

    Faust would restart the agent after the record that failed, and so skip the record.
    The message of the error is not logged, because it may quote a record.
    """

    @wraps(agent)
    async def run_agent(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await agent(*args, **kwargs)
        except Exception as fault:  # noqa: BLE001 - no kind of error may skip a record
            frames = traceback.extract_tb(fault.__traceback__)
            location = [f"{frame.name}:{frame.lineno}" for frame in frames[-4:]]
            end_process(f"{type(fault).__name__} in {' > '.join(location)}")

    return run_agent


class Watchdog(Service):
    """Watcher of the event loop, from a thread, and of the readers, from the loop."""

    def __init__(
        self,
        *,
        frozen_limit_s: float,
        stuck_limit_s: float,
        poll_ages_s: Callable[[], Sequence[tuple[str, float]]],
    ) -> None:
        """Set the time limits.

        Args:
            frozen_limit_s: Longest time the loop may stand still; the session timeout.
            stuck_limit_s: Longest time without a poll for a reader that does not wait
                for its stage.
            poll_ages_s: Returns name and seconds since the last poll of such readers.
        """
        super().__init__()
        self._frozen_limit_s = frozen_limit_s
        self._stuck_limit_s = stuck_limit_s
        self._poll_ages_s = poll_ages_s
        self._last_tick_s = time.monotonic()
        self._stop_requested = threading.Event()

    async def on_start(self) -> None:
        """Start the watching thread."""
        self._last_tick_s = time.monotonic()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    async def on_stop(self) -> None:
        """Stop the watching thread."""
        self._stop_requested.set()

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            self.exit_if_frozen()
            self._last_tick_s = time.monotonic()
            self._exit_if_stuck()
            await asyncio.sleep(TICK_S)

    def exit_if_frozen(self) -> None:
        """End the process after a standstill longer than the Kafka session."""
        if time.monotonic() - self._last_tick_s > self._frozen_limit_s:
            end_process("frozen longer than the Kafka session: partitions are lost")

    def _exit_if_stuck(self) -> None:
        for name, age_s in self._poll_ages_s():
            if age_s > self._stuck_limit_s:
                end_process(f"{name}: no poll for {age_s:.0f} s")

    def _watch(self) -> None:
        while not self._stop_requested.wait(TICK_S):
            self.exit_if_frozen()
