"""Bulk import jobs: accepted at once, applied when their time has come.

A job is queued, then processing, then complete or cancelled. Nothing of it is visible
before its end. Jobs end by their own end time, so a later one may overtake.
"""

import heapq
from dataclasses import dataclass, field
from itertools import count

from streams.sandbox.jsonapi.errors import ApiError
from streams.sandbox.jsonapi.messages import JobOutcome, JsonObject

FINAL = frozenset({"complete", "cancelled"})
"""States a job never leaves."""


@dataclass(slots=True, eq=False)
class ImportJob:
    """One import job.

    Attributes:
        id: Klaviyo's id.
        seq: Place in the order of submission.
        items: The profile resources; dropped when the job has ended.
        list_ids: The lists its profiles join.
        planned_outcome: What faults want of it.
        created_s: When it was submitted.
        starts_s: When its processing begins.
        ends_s: When it is applied.
        total_count: How many profiles it was given.
        outcome: `complete` or `cancelled` once it has ended.
        profile_ids: The profiles it wrote.
        errors: The errors of single profiles, each with what was sent.
    """

    id: str
    seq: int
    items: list[JsonObject]
    list_ids: tuple[str, ...]
    planned_outcome: JobOutcome
    created_s: float
    starts_s: float
    ends_s: float
    total_count: int
    outcome: str = ""
    profile_ids: list[str] = field(default_factory=list)
    errors: list[tuple[ApiError, JsonObject]] = field(default_factory=list)

    def status(self, now_s: float) -> str:
        """Say where it stands."""
        if self.outcome:
            return self.outcome
        return "processing" if now_s >= self.starts_s else "queued"

    @property
    def completed_count(self) -> int:
        """How many profiles it wrote, errors apart."""
        return self.total_count - len(self.errors) if self.outcome == "complete" else 0


class Jobs:
    """All import jobs, and those still running by their end time."""

    def __init__(self) -> None:
        self._seq = count(1)
        self._running: list[tuple[float, int, ImportJob]] = []
        self.by_id: dict[str, ImportJob] = {}

    def clear(self) -> None:
        """Forget all jobs; those running never end."""
        self._running.clear()
        self.by_id.clear()

    def submit(  # noqa: PLR0913  # the parts of a job, each by its name
        self,
        items: list[JsonObject],
        *,
        list_ids: tuple[str, ...],
        planned_outcome: JobOutcome,
        created_s: float,
        starts_s: float,
        ends_s: float,
    ) -> ImportJob:
        """Take a job in."""
        seq = next(self._seq)
        job = ImportJob(
            id=f"J{seq:07d}",
            seq=seq,
            items=items,
            list_ids=list_ids,
            planned_outcome=planned_outcome,
            created_s=created_s,
            starts_s=starts_s,
            ends_s=ends_s,
            total_count=len(items),
        )
        self.by_id[job.id] = job
        heapq.heappush(self._running, (ends_s, seq, job))
        return job

    def pop_due(self, now_s: float) -> ImportJob | None:
        """Take out the next running job whose end has come."""
        if not self._running or self._running[0][0] > now_s:
            return None
        return heapq.heappop(self._running)[2]

    @property
    def running_count(self) -> int:
        """How many jobs have not ended."""
        return len(self._running)
