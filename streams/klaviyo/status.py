"""Whether an endpoint answers, as an operator wants to be told."""

from collections.abc import Callable
from enum import StrEnum

import msgspec
import structlog

from streams.klaviyo.answers import Answer, OperatorFault, Temporary, Throttled

OUTAGE_AFTER = 3
"""Temporary failures in a row before it is called an outage."""

_log = structlog.get_logger(__name__)


class Condition(StrEnum):
    """How an endpoint is doing."""

    OPEN = "open"
    OUTAGE = "outage"
    FAULT = "fault"


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The condition of one endpoint.

    Attributes:
        endpoint: Klaviyo's operation id.
        condition: OPEN; OUTAGE: it will pass; FAULT: the operator must mend it.
        reason: Kebab-case code; empty when open.
    """

    endpoint: str
    condition: Condition
    reason: str = ""


class Watchman:
    """Tells of changes in the condition of each endpoint, once a change.

    Args:
        watch: Told of every change.
    """

    def __init__(self, watch: Callable[[LaneStatus], None]) -> None:
        self._watch = watch
        self._failures: dict[str, int] = {}
        self._last: dict[str, LaneStatus] = {}

    def saw(self, endpoint: str, answer: Answer) -> None:
        """Take in an answer; a throttled one says nothing either way."""
        if isinstance(answer, Throttled):
            return
        failures = self._failures.get(endpoint, 0) + 1
        self._failures[endpoint] = failures if isinstance(answer, Temporary) else 0
        status = judged(endpoint, answer, failures=failures)
        if status is not None and status != self._last.get(endpoint, _open(endpoint)):
            self._last[endpoint] = status
            self._watch(status)


def judged(endpoint: str, answer: Answer, *, failures: int) -> LaneStatus | None:
    """Judge the condition by an answer.

    Args:
        endpoint: The endpoint.
        answer: Its answer.
        failures: Temporary failures in a row, this one included.

    Returns:
        None when it is too early to say.
    """
    if isinstance(answer, OperatorFault):
        condition, reason = Condition.FAULT, answer.reason
    elif not isinstance(answer, Temporary):
        return _open(endpoint)
    elif failures < OUTAGE_AFTER and not answer.blocked:
        return None
    else:
        condition, reason = Condition.OUTAGE, answer.reason
    return LaneStatus(endpoint=endpoint, condition=condition, reason=reason)


def log_status(status: LaneStatus) -> None:
    """Write a change of condition to the log."""
    blocked = status.condition is not Condition.OPEN
    write = _log.warning if blocked else _log.info
    write("klaviyo_condition", **msgspec.structs.asdict(status))


def _open(endpoint: str) -> LaneStatus:
    return LaneStatus(endpoint=endpoint, condition=Condition.OPEN)
