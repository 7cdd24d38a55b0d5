"""Everything one account of the sandbox holds, and its time."""

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

from streams.sandbox import imports
from streams.sandbox.calls import Json
from streams.sandbox.config import SandboxConfig
from streams.sandbox.consent import Consents
from streams.sandbox.events import Events
from streams.sandbox.faults import Faults
from streams.sandbox.flows import Flows
from streams.sandbox.jobs import ImportJob, Jobs
from streams.sandbox.lists import Lists
from streams.sandbox.log import RequestLog
from streams.sandbox.profiles import Profile, Profiles
from streams.sandbox.quota import Quotas


class World:
    """The account.

    Its time moves only in `advance`: what has become due by then is applied, in the
    order in which it became due. Every request and every look from outside advances.

    Args:
        config: The choices.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.profiles = Profiles()
        self.lists = Lists()
        self.jobs = Jobs()
        self.events = Events(config.metrics, now_s=config.clock_s())
        self.consents = Consents()
        self.flows = Flows()
        self.faults = Faults()
        self.log = RequestLog(size=config.log_size)
        self.quotas = Quotas(config.quota_scale, config.lists_per_day)
        self._random = Random(config.seed)  # noqa: S311  # a rehearsal, no secret
        self._seq = count()
        self._pending: list[tuple[float, int, Callable[[float], None]]] = []

    def reset(self) -> None:
        """Forget everything; ids go on, so that old ones stay unknown."""
        self.profiles.clear()
        self.lists.clear()
        self.jobs.clear()
        self.consents.clear()
        self.flows.clear()
        self.events.clear(self.config.metrics, now_s=self.config.clock_s())
        self.faults.clear()
        self.log.clear()
        self.quotas = Quotas(self.config.quota_scale, self.config.lists_per_day)
        self._pending.clear()

    def advance(self) -> float:
        """Apply all that is due.

        Returns:
            The time it is, in seconds since the epoch.
        """
        now_s = self.config.clock_s()
        while self._pending and self._pending[0][0] <= now_s:
            due_s, _, change = heapq.heappop(self._pending)
            change(due_s)
        while (job := self.jobs.due(now_s)) is not None:
            imports.apply(job, profiles=self.profiles, lists=self.lists)
        return now_s

    def settle(self, change: Callable[[float], None], *, now_s: float) -> None:
        """Apply a change when the account has settled: at once unless configured.

        Args:
            change: Takes the time at which it happens.
            now_s: When it was accepted.
        """
        if self.config.settle_s <= 0:
            change(now_s)
            return
        due_s = now_s + self.config.settle_s
        heapq.heappush(self._pending, (due_s, next(self._seq), change))

    def submit_import(
        self,
        items: list[Json],
        *,
        list_ids: tuple[str, ...],
        now_s: float,
    ) -> ImportJob:
        """Accept an import job and plan its life."""
        config = self.config
        late_s = self._random.random() * config.job_jitter_s
        starts_s = now_s + config.job_queued_s
        for list_id in list_ids:
            self.lists.by_id[list_id].changes.asked_to_add(items=len(items))
        return self.jobs.submit(
            items,
            list_ids=list_ids,
            fate=self.faults.fate(),
            created_s=now_s,
            starts_s=starts_s,
            ends_s=starts_s + config.job_s + late_s,
        )

    def remove_profile(self, profile: Profile) -> None:
        """Delete a profile and all that hangs on it but its events."""
        self.lists.forget(profile)
        self.consents.forget(profile.id)
        self.profiles.remove(profile)

    def delete_list(self, list_id: str) -> None:
        """Delete a list, as a person may in Klaviyo's own pages."""
        mail_list = self.lists.by_id[list_id]
        members = [self.profiles.by_id[one] for one in mail_list.members]
        self.lists.delete(mail_list, members)
