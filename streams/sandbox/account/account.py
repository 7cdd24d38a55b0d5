"""All data of an account, and the passing of time."""

import heapq
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import count
from random import Random

from streams.sandbox.account.consent import Consents
from streams.sandbox.account.events import Events, Flows
from streams.sandbox.account.faults import Faults
from streams.sandbox.account.identities import Identities
from streams.sandbox.account.import_jobs import ImportJob, Jobs, apply_import
from streams.sandbox.account.lists import Lists
from streams.sandbox.account.profiles import Profiles, StoredProfile
from streams.sandbox.account.rate_limits import RateLimits
from streams.sandbox.account.request_log import RequestLog
from streams.sandbox.config import SandboxConfig
from streams.sandbox.jsonapi.messages import JsonObject


class Account:
    """Klaviyo account in memory.

    Time moves only in `apply_due`: due changes are applied, ordered by due time. Every
    request and every inspection calls `apply_due` first.

    Args:
        config: Behaviour of the sandbox.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.switches = replace(config.switches)
        self.profiles = Profiles(self._on_identifier_change)
        self.lists = Lists()
        self.jobs = Jobs()
        self.events = Events(config.metrics, now_s=config.clock_s())
        self.consents = Consents()
        self.identities = Identities(
            profiles=self.profiles,
            lists=self.lists,
            events=self.events,
            consents=self.consents,
            switches=self.switches,
        )
        self.flows = Flows()
        self.faults = Faults()
        self.request_log = RequestLog(size=config.log_size)
        self.rate_limits = RateLimits(config.quota_scale, config.lists_per_day)
        self._random = Random(config.seed)  # noqa: S311  # not used for secrets
        self._seq = count()
        self._delayed: list[tuple[float, int, Callable[[float], None]]] = []

    def reset(self) -> None:
        """Delete all data, and set the configured switches; id counters continue."""
        self.profiles.clear()
        self.lists.clear()
        self.jobs.clear()
        self.consents.clear()
        self.flows.clear()
        self.events.clear(self.config.metrics, now_s=self.config.clock_s())
        self.faults.clear()
        self.request_log.clear()
        self.rate_limits = RateLimits(
            self.config.quota_scale, self.config.lists_per_day
        )
        self._delayed.clear()
        self.switches.set_values(asdict(self.config.switches))

    def apply_due(self) -> float:
        """Apply all changes and import jobs that are due.

        Returns:
            The current time, in seconds since the epoch.
        """
        now_s = self.config.clock_s()
        while self._delayed and self._delayed[0][0] <= now_s:
            due_s, _, change = heapq.heappop(self._delayed)
            change(due_s)
        while (job := self.jobs.pop_due(now_s)) is not None:
            apply_import(job, identities=self.identities, lists=self.lists)
        return now_s

    def apply_later(
        self,
        change: Callable[[float], None],
        *,
        now_s: float,
        delay_s: float | None = None,
    ) -> None:
        """Apply a change after a delay, or at once without a delay.

        Args:
            change: Function that receives the time of the change.
            now_s: Time at which the change was accepted.
            delay_s: Delay; None for the configured one.
        """
        delay_s = self.config.apply_delay_s if delay_s is None else delay_s
        if delay_s <= 0:
            change(now_s)
            return
        due_s = now_s + delay_s
        heapq.heappush(self._delayed, (due_s, next(self._seq), change))

    def submit_import(
        self,
        items: list[JsonObject],
        *,
        list_ids: tuple[str, ...],
        now_s: float,
    ) -> ImportJob:
        """Accept an import job, and schedule start and end."""
        config = self.config
        extra_s = self._random.random() * config.job_jitter_s
        starts_s = now_s + config.job_queued_s
        for list_id in list_ids:
            self.lists.by_id[list_id].changes.count_add_request(items=len(items))
        return self.jobs.submit(
            items,
            list_ids=list_ids,
            planned_outcome=self.faults.job_outcome(),
            created_s=now_s,
            starts_s=starts_s,
            ends_s=starts_s + config.job_s + extra_s,
        )

    def merge_later(
        self, source: StoredProfile, *, into: StoredProfile, now_s: float
    ) -> None:
        """Merge two profiles as a queued job; the source exists until then."""

        def merge(at_s: float) -> None:
            if {source.id, into.id} <= self.profiles.by_id.keys():
                self.identities.fold(source, into=into, now_s=at_s)

        delay_s = self.config.job_queued_s + self.config.job_s
        self.apply_later(merge, now_s=now_s, delay_s=delay_s)

    def _on_identifier_change(
        self, profile: StoredProfile, name: str, previous: str | None
    ) -> None:
        """Change the consent of a profile after a change of address or phone number.

        Klaviyo never applies SMS consent to a number that did not give it.
        """
        if name == "phone_number" and previous:
            self.consents.state_of(profile.id).take_channel("sms")
        follows = self.switches.email_change_consent == "goes-with-address"
        if name == "email" and follows:
            self.consents.change_email(
                profile.id, previous=previous, email=profile.email
            )

    def remove_profile(self, profile: StoredProfile) -> None:
        """Delete a profile with memberships and consent, but without the events."""
        self.lists.remove_profile(profile)
        self.consents.remove_profile(profile.id)
        self.profiles.remove(profile)

    def delete_list(self, list_id: str) -> None:
        """Delete a list, as a person can do in Klaviyo's web application."""
        mail_list = self.lists.by_id[list_id]
        members = [self.profiles.by_id[profile_id] for profile_id in mail_list.members]
        self.lists.delete(mail_list, members)
