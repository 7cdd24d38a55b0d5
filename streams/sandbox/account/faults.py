"""Faults on demand: possible failures between a client and Klaviyo.

A fault has a kind and a scope. A fault affects requests whose method and path match,
`count` times or until the fault is removed, always or with a probability (each fault
has its own seed). Faults of import jobs take effect when a job is created: a rejected
submission does not count.
"""

import re
from dataclasses import dataclass, field, fields
from enum import StrEnum
from itertools import count
from random import Random
from typing import Self

from streams.sandbox.account.import_jobs import JobOutcome
from streams.sandbox.jsonapi.errors import bad_request
from streams.sandbox.jsonapi.messages import JsonObject


class FaultKind(StrEnum):
    """Kind of a fault."""

    THROTTLED = "throttled"  # 429 with Retry-After
    SERVER_ERROR = "server-error"  # a 5xx in JSON:API
    CHALLENGE = "challenge"  # the HTML 403 that a blocked IP address receives
    UNAUTHORIZED = "unauthorized"  # 401
    FORBIDDEN = "forbidden"  # 403 in JSON:API: a scope is missing
    SLOW = "slow"  # the request waits for delay_s, then is handled as usual
    SLOW_ANSWER = "slow-answer"  # applied at once, answered after delay_s
    CUT = "cut"  # applied, then the connection is closed without an answer
    CUT_BEFORE = "cut-before"  # the connection is closed, nothing is applied
    JOB_CANCELLED = "job-cancelled"  # the new import job ends as cancelled
    IMPORT_ERRORS = (
        "import-errors"  # the first `items` profiles of the new import job fail
    )


JOB_KINDS = frozenset({FaultKind.JOB_CANCELLED, FaultKind.IMPORT_ERRORS})
"""Kinds that affect the import job instead of the response."""

JOBS_PATH = "/api/profile-bulk-import-jobs"
"""Path for creating import jobs."""

_NOT_SETTINGS = frozenset({"id", "affected_count", "_random"})
"""Fields of a fault that a request cannot set."""


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """Fault, and the number of requests affected so far.

    Attributes:
        kind: Kind of the fault.
        method: HTTP method of affected requests; empty for every method.
        path: Regular expression that the beginning of the path must match.
        count: Number of requests to affect; None until the fault is removed.
        probability: Probability of affecting a matching request.
        seed: Seed of the random choice.
        status: Status of a server error.
        retry_after_s: `Retry-After` of a 429.
        delay_s: Delay of the slow kinds.
        items: Number of profiles of an import job that fail.
        id: Id given by the sandbox.
        affected_count: Number of affected requests, `struck` in JSON.
    """

    kind: FaultKind
    method: str = ""
    path: str = "/api/"
    count: int | None = None
    probability: float = 1.0
    seed: int = 0
    status: int = 503
    retry_after_s: int = 1
    delay_s: float = 1.0
    items: int = 1
    id: str = ""
    affected_count: int = 0
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311  # not used for secrets

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        """Parse the body of `POST /sandbox/faults`.

        Raises:
            ErrorResponse: 400 for an unknown member or kind.
        """
        allowed = {item.name for item in fields(cls)} - _NOT_SETTINGS
        unknown = sorted(set(body) - allowed)
        if unknown or body.get("kind") not in list(FaultKind):
            kinds = ", ".join(FaultKind)
            raise bad_request(f"Members: {sorted(allowed)}; kind is one of {kinds}.")
        return cls(**{**body, "kind": FaultKind(body["kind"])})

    def as_json(self) -> JsonObject:
        """Return the fault as JSON, with the number of affected requests."""
        names = [item.name for item in fields(self) if item.name not in _NOT_SETTINGS]
        settings = {name: getattr(self, name) for name in names}
        return {**settings, "id": self.id, "struck": self.affected_count}

    @property
    def is_exhausted(self) -> bool:
        """Return True if the fault has affected as many requests as allowed."""
        return self.count is not None and self.affected_count >= self.count

    def triggers_on(self, *, method: str, path: str) -> bool:
        """Decide whether the fault affects a request, and count the request if so."""
        if self.is_exhausted or self.method not in ("", method):
            return False
        if re.match(self.path, path) is None:
            return False
        if self._random.random() >= self.probability:
            return False
        self.affected_count += 1
        return True

    @property
    def job_outcome(self) -> JobOutcome:
        """Return the effect of the fault on an import job."""
        if self.kind is FaultKind.JOB_CANCELLED:
            return JobOutcome(cancelled=True)
        return JobOutcome(failing_count=self.items)


class Faults:
    """Active faults, oldest first."""

    def __init__(self) -> None:
        self._seq = count(1)
        self.by_id: dict[str, Fault] = {}

    def clear(self) -> None:
        """Remove all active faults."""
        self.by_id.clear()

    def add(self, fault: Fault) -> Fault:
        """Activate a fault; older faults are tried first."""
        fault.id = f"F{next(self._seq)}"
        self.by_id[fault.id] = fault
        return fault

    def trigger(self, *, method: str, path: str) -> Fault | None:
        """Return the oldest fault that affects the response to a request, or None."""
        for fault in self.by_id.values():
            of_job = fault.kind in JOB_KINDS
            if not of_job and fault.triggers_on(method=method, path=path):
                return fault
        return None

    def job_outcome(self) -> JobOutcome:
        """Return the combined effect of active faults on a new import job."""
        outcomes = [
            fault.job_outcome
            for fault in self.by_id.values()
            if fault.kind in JOB_KINDS
            and fault.triggers_on(method="POST", path=JOBS_PATH)
        ]
        return JobOutcome(
            cancelled=any(fate.cancelled for fate in outcomes),
            failing_count=max((fate.failing_count for fate in outcomes), default=0),
        )
