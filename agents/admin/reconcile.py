"""The table compared with Klaviyo's lists; differences go through the lanes."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

import msgspec

from agents.admin.changelog import read_compacted_topic, read_user_states
from agents.admin.identities import IdentityResolver, ReportProgress
from agents.admin.outcome_reader import OutcomeCode, OutcomeReader
from agents.engine.producer import Message
from agents.shared.context import kafka_access
from agents.shared.klaviyo import create_klaviyo_client
from agents.shared.reprocess import RecordPublisher, new_replay_id, requeue_activation
from streams.actions.activation import Activation
from streams.destination.model import Destination
from streams.errors import ConfigError
from streams.klaviyo.api.client import FailFastClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.lookups.lists import ListMember, read_list_members
from streams.reconcile.comparison import Comparison, ListReport, build_uncompared_report
from streams.reconcile.desired_memberships import (
    DesiredByUser,
    ListIndex,
    ReconcileTarget,
    filter_by_audience,
)
from streams.reconcile.repairs import build_repairs
from streams.settings import Settings

PROGRESS_EVERY_S = 5.0
"""Ours: what takes long says how far it is, so often."""

CHUNK_RECORDS = 5_000
"""Records written together."""


class Reconciler:
    """Finds differences and repairs them.

    Args:
        settings: Where Kafka and Klaviyo are.
        destination: Which audiences are synced, and their lists.
        report: Told how far what takes long is.

    Raises:
        ConfigError: There is no API key, or it cannot be one; or the destination syncs
            no audiences, so that the table's words on them are of long ago.
    """

    def __init__(
        self, settings: Settings, destination: Destination, *, report: ReportProgress
    ) -> None:
        if not destination.sync_audiences:
            raise ConfigError([_SYNC_DISABLED])
        self._client = create_klaviyo_client(settings)
        self._settings = settings
        self._destination = destination
        self._kafka = kafka_access(settings)
        self._report = report
        self._identities = IdentityResolver(
            settings,
            destination,
            client=self._client,
            create_report=self._throttled_report,
        )

    def compare(
        self, audiences: Collection[str] = (), *, resync: bool = False
    ) -> list[ListReport]:
        """Compare; nothing is changed.

        The table is read before the lists and after: whoever moved meanwhile is not
        judged.

        Args:
            audiences: Only these. Where none is named, all; but those that have no list
                yet are passed over.
            resync: Count all who are inside as missing.

        Raises:
            ConfigError: Kafka or a topic is not there, or an audience is unknown.
            EngineError: Klaviyo does not let a list be read.
        """
        desired_before = self._read_desired()
        targets = [
            target
            for target, desired in desired_before.items()
            if filter_by_audience(desired, audiences)
        ]
        synced_audiences = {
            compared_target.audience
            for target in targets
            for compared_target in desired_before[target].values()
        }
        if unknown_audiences := set(audiences) - synced_audiences:
            names = ", ".join(sorted(unknown_audiences))
            raise ConfigError([f"audience {names}: the table knows nobody of it"])
        compared_targets = [target for target in targets if target.list_id or audiences]
        members_by_list = asyncio.run(
            self._read_lists(
                {compared_target.list_id for compared_target in compared_targets}
            )
        )
        desired_after = self._read_desired()
        return [
            self._compare_list(
                target,
                members_by_list[target.list_id],
                desired_before=desired_before[target],
                desired=desired_after.get(target, {}),
                audiences=audiences,
                resync=resync,
            )
            if target in compared_targets
            else build_uncompared_report(desired_after.get(target, {}))
            for target in sorted(targets)
        ]

    def _read_desired(self) -> dict[ReconcileTarget, DesiredByUser]:
        topics = self._settings.topics
        list_mappings = read_compacted_topic(self._kafka, topics.audience_lists)
        user_rows = read_user_states(self._kafka, topics.memberships_changelog)
        return ListIndex(self._destination, list_mappings).build_desired(user_rows)

    async def _read_lists(
        self, list_ids: Collection[str]
    ) -> dict[str, list[ListMember] | ListGone]:
        async with self._client as client:
            fail_fast_client = FailFastClient(client)
            return {
                list_id: await read_list_members(
                    fail_fast_client, list_id, progress=self._page_progress(list_id)
                )
                if list_id
                else ListGone(list_id="")
                for list_id in sorted(list_ids)
            }

    def _compare_list(  # noqa: PLR0913 - what was read, and what was asked for
        self,
        target: ReconcileTarget,
        list_members: list[ListMember] | ListGone,
        *,
        desired_before: DesiredByUser,
        desired: DesiredByUser,
        audiences: Collection[str],
        resync: bool,
    ) -> ListReport:
        members = [] if isinstance(list_members, ListGone) else list_members
        changed_users = {
            user
            for user, desired_now in desired.items()
            if desired_before.get(user) != desired_now
        }
        comparison = Comparison(desired, members, changed_users=changed_users)
        self._identities.resolve(comparison, resync=resync)
        selected = filter_by_audience(desired, audiences)
        return ListReport(
            list_id=target.list_id,
            is_list_gone=isinstance(list_members, ListGone),
            member_count=len(members),
            desired=selected,
            differences=comparison.find_differences(resync=resync).for_users(selected),
        )

    def repair(
        self, reports: Sequence[ListReport], *, replay: str, wait: bool
    ) -> Counter[OutcomeCode]:
        """Send each difference to activate, which judges it among the live events.

        Args:
            reports: What `find` found.
            replay: Names the replay.
            wait: Return when all have ended.

        Returns:
            How many ended how; nothing without waiting.
        """
        activations = [
            activation
            for list_report in reports
            for activation in build_repairs(list_report.differences)
        ]
        self._identities.read_source_times(
            {activation.origin: activation.user for activation in activations}
        )
        topics = self._settings.topics
        outcomes = OutcomeReader(self._kafka, topics.outcomes, replay=replay)
        try:
            self._publish(activations, replay)
            if not wait:
                return Counter()
            report, total = self._throttled_report(), len(activations)
            self._report("waiting for the workers; what is sent goes on without this")
            return outcomes.wait_for(
                (activation.origin for activation in activations),
                report_count=lambda completed: report(
                    f"{completed} of {total} have ended"
                ),
            )
        finally:
            outcomes.close()

    def _publish(self, activations: Sequence[Activation], replay: str) -> None:
        publisher, report, total = (
            RecordPublisher(self._kafka),
            self._throttled_report(),
            len(activations),
        )
        for start in range(0, total, CHUNK_RECORDS):
            chunk = activations[start : start + CHUNK_RECORDS]
            publisher.publish(
                [self.build_message(activation, replay) for activation in chunk]
            )
            report(f"{start + len(chunk)} of {total} sent")

    def build_message(self, activation: Activation, replay: str) -> Message:
        """Write a repair as activate takes it, behind what its user did before.

        It bears the time at which its source record was written, as the first one did:
        `deadletters requeue --from-source` tells by it that the record is still the
        same. Where it is gone, nobody asks for it; the event's time does.
        """
        return requeue_activation(
            self._settings.topics,
            msgspec.json.encode(activation),
            user=activation.user.encode(),
            origin=activation.origin,
            source_ms=self._identities.source_time_ms(
                activation.origin, default_ms=activation.time_ms
            ),
            replay=replay,
        )

    def _page_progress(self, list_id: str) -> Callable[[int, int], None]:
        report, started_s = self._throttled_report(), time.monotonic()

        def report_pages(pages: int, members: int) -> None:
            rate = members / max(time.monotonic() - started_s, 0.001)
            progress = f"list {list_id}: {pages} pages, {members} members"
            report(f"{progress}, {rate:.0f} a second")

        return report_pages

    def _throttled_report(self) -> ReportProgress:
        """Say what it is given, but not oftener than a reader can read."""
        last_report_s = time.monotonic()

        def report_throttled(line: str) -> None:
            nonlocal last_report_s
            if time.monotonic() - last_report_s >= PROGRESS_EVERY_S:
                last_report_s = time.monotonic()
                self._report(line)

        return report_throttled


_SYNC_DISABLED = (
    "sync_audiences is off, by itself or since a mapping takes audience events to "
    "lists: audiences move no lists, and there is nothing to compare"
)


def new_repair_id() -> str:
    """Name a repair."""
    return new_replay_id(datetime.now(UTC))
