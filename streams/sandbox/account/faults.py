"""Faults on demand: what can go wrong between a caller and Klaviyo.

A fault has a kind and a scope. It strikes requests whose method and path match, `count`
times or until it is cleared, always or with a probability of its own seed. Faults of
import jobs strike when a job is created: a submit that is refused uses none up.
"""

import re
from dataclasses import dataclass, field, fields
from enum import StrEnum
from itertools import count
from random import Random
from typing import Self

from streams.sandbox.jsonapi.errors import bad_request
from streams.sandbox.jsonapi.messages import JobOutcome, JsonObject


class FaultKind(StrEnum):
    """What goes wrong."""

    THROTTLED = "throttled"  # 429 with Retry-After
    SERVER_ERROR = "server-error"  # a 5xx in JSON:API
    CHALLENGE = "challenge"  # the HTML 403 of a blocked sender
    UNAUTHORIZED = "unauthorized"  # 401
    FORBIDDEN = "forbidden"  # 403 in JSON:API: a scope is missing
    SLOW = "slow"  # nothing happens for delay_s, then all as usual
    SLOW_ANSWER = "slow-answer"  # applied at once, answered after delay_s
    CUT = "cut"  # applied, then the connection is closed without an answer
    CUT_BEFORE = "cut-before"  # the connection is closed, nothing is applied
    JOB_CANCELLED = "job-cancelled"  # the import job created now ends as cancelled
    IMPORT_ERRORS = "import-errors"  # its first `items` profiles end as errors


JOB_KINDS = frozenset({FaultKind.JOB_CANCELLED, FaultKind.IMPORT_ERRORS})
"""Kinds that strike the import job rather than the answer."""

JOBS_PATH = "/api/profile-bulk-import-jobs"
"""Where import jobs are created."""


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """One fault.

    Attributes:
        kind: What goes wrong.
        method: HTTP method it strikes; empty for every method.
        path: Regular expression that the beginning of the path must match.
        count: How many requests it strikes; None until it is cleared.
        probability: Chance that it strikes a matching request.
        seed: Of that chance.
        status: Status of a server error.
        retry_after_s: What a 429 asks for.
        delay_s: What the slow ones wait.
        items: How many profiles of an import job fail.
        id: Given by the sandbox.
        struck: How many requests it has struck.
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
    struck: int = 0
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311  # a rehearsal, no secret

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        """Read a fault as `POST /sandbox/faults` takes it.

        Raises:
            Refusal: 400 for an unknown member or kind.
        """
        allowed = {item.name for item in fields(cls)} - {"id", "struck", "_random"}
        unknown = sorted(set(body) - allowed)
        if unknown or body.get("kind") not in list(FaultKind):
            kinds = ", ".join(FaultKind)
            raise bad_request(f"Members: {sorted(allowed)}; kind is one of {kinds}.")
        return cls(**{**body, "kind": FaultKind(body["kind"])})

    def as_json(self) -> JsonObject:
        """Write the fault, with what it has struck."""
        names = [item.name for item in fields(self) if item.name != "_random"]
        return {name: getattr(self, name) for name in names}

    @property
    def is_exhausted(self) -> bool:
        """Whether it has struck as often as it may."""
        return self.count is not None and self.struck >= self.count

    def triggers_on(self, *, method: str, path: str) -> bool:
        """Decide about one request, and count it when struck."""
        if self.is_exhausted or self.method not in ("", method):
            return False
        if re.match(self.path, path) is None:
            return False
        if self._random.random() >= self.probability:
            return False
        self.struck += 1
        return True

    @property
    def job_outcome(self) -> JobOutcome:
        """What it does to an import job."""
        if self.kind is FaultKind.JOB_CANCELLED:
            return JobOutcome(cancelled=True)
        return JobOutcome(failing_count=self.items)


class Faults:
    """The faults in force, oldest first."""

    def __init__(self) -> None:
        self._seq = count(1)
        self.by_id: dict[str, Fault] = {}

    def clear(self) -> None:
        """End all faults."""
        self.by_id.clear()

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force; it strikes after those before it."""
        fault.id = f"F{next(self._seq)}"
        self.by_id[fault.id] = fault
        return fault

    def trigger(self, *, method: str, path: str) -> Fault | None:
        """Find what strikes the answer of a request: the oldest fault that does."""
        for fault in self.by_id.values():
            of_job = fault.kind in JOB_KINDS
            if not of_job and fault.triggers_on(method=method, path=path):
                return fault
        return None

    def job_outcome(self) -> JobOutcome:
        """Find what strikes an import job, the moment it is created."""
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
