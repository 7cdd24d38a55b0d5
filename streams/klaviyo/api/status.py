"""Availability of each endpoint, reported to the operator."""

from collections.abc import Callable
from enum import StrEnum

import msgspec
import structlog

from streams.klaviyo.api.results import (
    AttemptResult,
    OperatorFault,
    Temporary,
    Throttled,
)

OUTAGE_AFTER_FAILURES = 3
"""Consecutive temporary failures that count as an outage."""

_log = structlog.get_logger(__name__)


class EndpointCondition(StrEnum):
    """Availability of an endpoint."""

    OPEN = "open"
    OUTAGE = "outage"
    FAULT = "fault"


class EndpointStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Availability of an endpoint, with the reason.

    Attributes:
        endpoint: Klaviyo's operation id.
        condition: OPEN, OUTAGE (temporary) or FAULT (the operator must act).
        reason: Kebab-case code; empty for OPEN.
    """

    endpoint: str
    condition: EndpointCondition
    reason: str = ""


class EndpointMonitor:
    """Monitor that reports each change in the condition of an endpoint once.

    Args:
        on_change: Called with every change.
    """

    def __init__(self, on_change: Callable[[EndpointStatus], None]) -> None:
        self._on_change = on_change
        self._failures: dict[str, int] = {}
        self._last_status: dict[str, EndpointStatus] = {}

    def record_result(self, endpoint: str, result: AttemptResult) -> None:
        """Record a result; a throttled result is ignored."""
        if isinstance(result, Throttled):
            return
        failures = self._failures.get(endpoint, 0) + 1
        self._failures[endpoint] = failures if isinstance(result, Temporary) else 0
        status = assess_endpoint(endpoint, result, failures=failures)
        if status is not None and status != self._last_status.get(
            endpoint, _open_status(endpoint)
        ):
            self._last_status[endpoint] = status
            self._on_change(status)


def assess_endpoint(
    endpoint: str, result: AttemptResult, *, failures: int
) -> EndpointStatus | None:
    """Return the condition of an endpoint after a result.

    Args:
        endpoint: Klaviyo's operation ID.
        result: Latest result.
        failures: Consecutive temporary failures, the latest included.

    Returns:
        None while too few failures have occurred.
    """
    if isinstance(result, OperatorFault):
        condition, reason = EndpointCondition.FAULT, result.reason
    elif not isinstance(result, Temporary):
        return _open_status(endpoint)
    elif failures < OUTAGE_AFTER_FAILURES and not result.is_blocked:
        return None
    else:
        condition, reason = EndpointCondition.OUTAGE, result.reason
    return EndpointStatus(endpoint=endpoint, condition=condition, reason=reason)


def log_status(status: EndpointStatus) -> None:
    """Log a change of an endpoint's condition."""
    is_degraded = status.condition is not EndpointCondition.OPEN
    write = _log.warning if is_degraded else _log.info
    write("klaviyo_condition", **msgspec.structs.asdict(status))


def _open_status(endpoint: str) -> EndpointStatus:
    return EndpointStatus(endpoint=endpoint, condition=EndpointCondition.OPEN)
