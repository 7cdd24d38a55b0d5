"""Bulk import jobs: accepted at once, applied when the end time comes.

A job is queued, then processing, then complete or cancelled. No effect of a job is
visible before its end. Jobs end at their own end times, so a later job may overtake
an earlier one.
"""

import heapq
from dataclasses import dataclass, field, replace
from itertools import count

from streams.sandbox.account.identities import Identities
from streams.sandbox.account.lists import Lists
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi.errors import JsonApiError
from streams.sandbox.jsonapi.messages import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """Outcome of an import job that faults force.

    Attributes:
        cancelled: True if the job ends as cancelled and applies nothing.
        failing_count: Number of leading profiles that end as import errors.
    """

    cancelled: bool = False
    failing_count: int = 0


@dataclass(slots=True, eq=False)
class ImportJob:
    """Import job and the state of the job.

    Attributes:
        id: Klaviyo's id.
        seq: Position in the order of submission.
        items: Profile resources; emptied when the job has ended.
        list_ids: Lists that the profiles join.
        planned_outcome: Outcome that faults force.
        created_s: Time of submission.
        starts_s: Time at which processing begins.
        ends_s: Time at which the job is applied.
        total_count: Number of submitted profiles.
        outcome: `complete` or `cancelled` once the job has ended.
        profile_ids: Ids of the profiles that were written.
        errors: Errors of single profiles, each with the submitted resource.
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
    errors: list[tuple[JsonApiError, JsonObject]] = field(default_factory=list)

    def status(self, now_s: float) -> str:
        """Return the status of the job at a time."""
        if self.outcome:
            return self.outcome
        return "processing" if now_s >= self.starts_s else "queued"

    @property
    def completed_count(self) -> int:
        """Return the number of profiles that were written without an error."""
        return self.total_count - len(self.errors) if self.outcome == "complete" else 0


class Jobs:
    """All import jobs, and a queue of the running jobs by end time."""

    def __init__(self) -> None:
        self._seq = count(1)
        self._running: list[tuple[float, int, ImportJob]] = []
        self.by_id: dict[str, ImportJob] = {}

    def clear(self) -> None:
        """Delete all jobs; running jobs never end."""
        self._running.clear()
        self.by_id.clear()

    def submit(  # noqa: PLR0913  # keyword arguments only
        self,
        items: list[JsonObject],
        *,
        list_ids: tuple[str, ...],
        planned_outcome: JobOutcome,
        created_s: float,
        starts_s: float,
        ends_s: float,
    ) -> ImportJob:
        """Accept a job and schedule the end."""
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
        """Remove and return the next running job that is due, or None."""
        if not self._running or self._running[0][0] > now_s:
            return None
        return heapq.heappop(self._running)[2]

    @property
    def running_count(self) -> int:
        """Return the number of jobs that have not ended."""
        return len(self._running)


def apply_import(job: ImportJob, *, identities: Identities, lists: Lists) -> None:
    """End a job: write the profiles, add the profiles to lists, record the errors."""
    items, job.items = job.items, []
    if job.planned_outcome.cancelled:
        job.outcome = "cancelled"
        return
    written = []
    for index, item in enumerate(items):
        result = _import_item(job, identities, item, index=index)
        if isinstance(result, StoredProfile):
            written.append(result)
        else:
            job.errors.append((result, item))
    job.profile_ids = list(dict.fromkeys(profile.id for profile in written))
    for list_id in job.list_ids:
        if list_id in lists.by_id:
            lists.add_members(lists.by_id[list_id], written, now_s=job.ends_s)
    job.outcome = "complete"


def _import_item(
    job: ImportJob, identities: Identities, item: JsonObject, *, index: int
) -> StoredProfile | JsonApiError:
    pointer = f"/data/attributes/profiles/data/{index}"
    if index < job.planned_outcome.failing_count:
        return JsonApiError(
            status=400,
            code="invalid",
            title="Invalid input.",
            detail="This profile could not be imported.",
            pointer=pointer,
        )
    written = {**item, "attributes": _without_nulls(item.get("attributes") or {})}
    result = identities.import_profile(written, now_s=job.ends_s, pointer=pointer)
    if isinstance(result, StoredProfile) or result.code != "duplicate_profile":
        return result
    return replace(result, code=identities.switches.import_conflict_code)


def _without_nulls(attributes: JsonObject) -> JsonObject:
    """Return the attributes that a bulk import writes: all values that are not null."""
    return {
        name: _without_nulls(value) if name in ("location", "properties") else value
        for name, value in attributes.items()
        if value is not None
    }
