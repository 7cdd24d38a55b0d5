"""Health of a worker: alive, ready to read, and reading."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from agents.engine.faust_app import EngineApp, reader_poll_ages_s
from agents.engine.reader import Reader
from agents.lanes.service import LaneService
from agents.monitoring.lag import LagWatch
from agents.shared.context import clock_ms
from streams.delivery.outcome import Stage

SILENT_MAX_S: Final = 60.0
"""Longest time without a poll: readers poll twice a second, so a minute is a fault."""

ANSWER_MAX_MS: Final = 30_000
"""Longest time without an answer of Kafka, which is asked every 5 s; our own."""


class Health:
    """Health of a worker, as values for pages.

    Args:
        app: App of the worker.
        lags: Watch over the lag: it knows when Kafka last answered.
        lanes: Lanes of the worker.
    """

    def __init__(
        self, app: EngineApp, *, lags: LagWatch, lanes: Sequence[LaneService]
    ) -> None:
        self._app = app
        self._lags = lags
        self._lanes = lanes

    def reading(self) -> dict[str, Any]:
        """Return the readers, and those that have not polled for a minute."""
        silent = self._silent_readers()
        readers = {
            reader.options.name: {
                "partitions": len(reader.partitions),
                "recovering": sum(not p.ready for p in reader.partitions.values()),
                "unfinished": sum(
                    p.unfinished_count for p in reader.partitions.values()
                ),
            }
            for reader in self._app.readers
        }
        return {"ok": not silent, "silent": silent, "readers": readers}

    def readiness(self) -> dict[str, Any]:
        """Return the reasons for which the worker is not ready, and lanes that wait.

        A lane that waits leaves the worker ready: a restart would not help.
        """
        reasons = [
            *self._kafka_reasons(),
            *map(_not_joined, filter(_is_starting, self._app.readers)),
            *map(_not_polling, self._silent_readers()),
            *self._recovery_reasons(),
        ]
        return {"ready": not reasons, "reasons": reasons, "waiting": self._waits()}

    def _silent_readers(self) -> list[str]:
        ages_s = reader_poll_ages_s(self._app)
        return [name for name, age_s in ages_s if age_s > SILENT_MAX_S]

    def _kafka_reasons(self) -> list[dict[str, str]]:
        silent_ms = clock_ms() - self._lags.answered_ms
        if silent_ms <= ANSWER_MAX_MS:
            return []
        since = f"for {silent_ms // 1000} s" if self._lags.answered_ms else "yet"
        return [
            _reason(
                "kafka-unreachable",
                f"Kafka has not answered {since}",
                "check kafka_bootstrap_servers, and that the brokers run",
            )
        ]

    def _recovery_reasons(self) -> list[dict[str, str]]:
        recovering = [
            str(part.tp.partition)
            for reader in self._app.readers
            if reader.options.name == Stage.ACTIVATE
            for part in reader.partitions.values()
            if not part.ready
        ]
        if not recovering:
            return []
        detail = f"the user table of partitions {', '.join(recovering)} is being read"
        fix = "wait; klaviyo_streams_state_recovery_remaining_records counts down"
        return [_reason("recovering", detail, fix)]

    def _waits(self) -> list[dict[str, str]]:
        return [
            {"lane": status.lane, **msgspec.to_builtins(wait)}
            for status in (lane.status for lane in self._lanes)
            for wait in status.waits.values()
        ]


def _is_starting(reader: Reader) -> bool:
    return not reader.has_joined


def _not_joined(reader: Reader) -> dict[str, str]:
    return _reason(
        "starting",
        f"the reader of {reader.options.name} has not joined its group yet",
        "wait; if it lasts, the log names what Kafka refuses",
    )


def _not_polling(name: str) -> dict[str, str]:
    detail = f"the reader of {name} has not polled for {SILENT_MAX_S:.0f} s"
    return _reason("not-reading", detail, "restart the worker; nothing is lost")


def _reason(code: str, detail: str, fix: str) -> dict[str, str]:
    return {"code": code, "detail": detail, "fix": fix}
