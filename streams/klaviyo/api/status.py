"""Whether an endpoint answers, as an operator wants to be told."""

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
"""Temporary failures in a row before it is called an outage."""

_log = structlog.get_logger(__name__)


class EndpointCondition(StrEnum):
    """How an endpoint is doing."""

    OPEN = "open"
    OUTAGE = "outage"
    FAULT = "fault"


class EndpointStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The condition of one endpoint.

    Attributes:
        endpoint: Klaviyo's operation id.
        condition: OPEN; OUTAGE: it will pass; FAULT: the operator must mend it.
        reason: Kebab-case code; empty when open.
    """

    endpoint: str
    condition: EndpointCondition
    reason: str = ""


class EndpointMonitor:
    """Tells of changes in the condition of each endpoint, once a change.

    Args:
        on_change: Told of every change.
    """

    def __init__(self, on_change: Callable[[EndpointStatus], None]) -> None:
        self._on_change = on_change
        self._failures: dict[str, int] = {}
        self._last_status: dict[str, EndpointStatus] = {}

    def record_result(self, endpoint: str, result: AttemptResult) -> None:
        """Take in an answer; a throttled one says nothing either way."""
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
    """Judge the condition by an answer.

    Args:
        endpoint: The endpoint.
        result: Its answer.
        failures: Temporary failures in a row, this one included.

    Returns:
        None when it is too early to say.
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
    """Write a change of condition to the log."""
    is_degraded = status.condition is not EndpointCondition.OPEN
    write = _log.warning if is_degraded else _log.info
    write("klaviyo_condition", **msgspec.structs.asdict(status))


def _open_status(endpoint: str) -> EndpointStatus:
    return EndpointStatus(endpoint=endpoint, condition=EndpointCondition.OPEN)
