"""Reconciliation of the memberships table with Klaviyo's lists."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from agents.admin.changelog import read_compacted_topic, read_user_states
from agents.admin.identities import IdentityResolver
from agents.admin.outcome_reader import OutcomeCode, OutcomeReader
from agents.admin.progress import ReportLine, throttle
from agents.admin.publisher import RecordPublisher
from agents.engine.producer import Message
from agents.shared.context import kafka_access
from agents.shared.klaviyo import create_klaviyo_client
from agents.shared.reprocess import new_replay_id, requeue_activation
from streams.actions.activation import Activation
from streams.destination.model import Destination
from streams.errors import ConfigError, EngineError
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.api.requests import find_lists, find_profiles
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

CHUNK_RECORDS = 5_000
"""Records that are published together."""


class Reconciler:
    """Comparison of the table with the lists, and repair of the differences.

    Args:
        settings: Addresses and credentials of Kafka and Klaviyo.
        destination: Names the audiences to sync and their lists.
        report: Receives lines of progress.

    Raises:
        ConfigError: The API key is missing or not valid, or audience sync is off, so
            that the table is out of date.
    """

    def __init__(
        self, settings: Settings, destination: Destination, *, report: ReportLine
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
            create_report=lambda: throttle(report),
        )

    def compare(
        self, audiences: Collection[str] = (), *, resync: bool = False
    ) -> list[ListReport]:
        """Compare the table with the lists, without any change.

        The table is read before the lists and after. A user whose membership changed in
        between is not compared.

        Args:
            audiences: Audiences to compare. If empty, all audiences that have a list.
            resync: Count all users inside as missing.

        Raises:
            ConfigError: Kafka does not answer, or a topic or audience does not exist.
            EngineError: Klaviyo does not respond, or refuses to return a list.
        """
        asyncio.run(self._contact_klaviyo())
        desired_before = self._read_desired()
        targets = _select_targets(desired_before, audiences)
        compared_targets = [target for target in targets if target.list_id or audiences]
        members_by_list = asyncio.run(
            self._read_lists({target.list_id for target in compared_targets})
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

    async def _contact_klaviyo(self) -> None:
        """Check the key and its scopes before the table, which may be long, is read."""
        async with self._client as client:
            fail_fast_client = FailFastClient(client)
            await fail_fast_client.call(find_lists("klaviyo-streams"))
            await fail_fast_client.call(find_profiles("external_id", ["any"]))
            if fail_fast_client.fault is not None:
                raise EngineError(fail_fast_client.fault.reason)

    def _read_desired(self) -> dict[ReconcileTarget, DesiredByUser]:
        topics = self._settings.topics
        list_mappings = read_compacted_topic(self._kafka, topics.audience_lists)
        users = read_user_states(self._kafka, topics.memberships_changelog)
        return ListIndex(self._destination, list_mappings).build_desired(users)

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

    def _compare_list(  # noqa: PLR0913 - what was read and requested
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
        """Send the repair of each difference to the activate stage.

        The stage decides on each repair in order with the live events of the user.

        Args:
            reports: Reports of `compare`.
            replay: Id of the repair.
            wait: Wait until every repair has an outcome.

        Returns:
            Number of repairs by outcome; empty without waiting.
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
            report, total = throttle(self._report), len(activations)
            self._report(
                "waiting for the workers; an interrupt does not stop the repairs"
            )
            return outcomes.wait_for(
                (activation.origin for activation in activations),
                report_count=lambda completed: report(
                    f"{completed} of {total} completed"
                ),
            )
        finally:
            outcomes.close()

    def _publish(self, activations: Sequence[Activation], replay: str) -> None:
        publisher, report = RecordPublisher(self._kafka), throttle(self._report)
        total = len(activations)
        for start in range(0, total, CHUNK_RECORDS):
            chunk = activations[start : start + CHUNK_RECORDS]
            publisher.publish(
                [self.build_message(activation, replay) for activation in chunk]
            )
            report(f"{start + len(chunk)} of {total} sent")

    def build_message(self, activation: Activation, replay: str) -> Message:
        """Build the record of a repair for the events topic, in order with the user.

        The record has the write time of the source record, as the first activation had:
        `deadletters requeue --from-source` compares the times to detect that an offset
        holds another record now. If the source record is gone, there is no such
        comparison, and the event's time serves.
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
        report, started_s = throttle(self._report), time.monotonic()

        def report_pages(pages: int, members: int) -> None:
            rate = members / max(time.monotonic() - started_s, 0.001)
            progress = f"list {list_id}: {pages} pages, {members} members"
            report(f"{progress}, {rate:.0f} per second")

        return report_pages


def _select_targets(
    desired_by_target: Mapping[ReconcileTarget, DesiredByUser],
    audiences: Collection[str],
) -> list[ReconcileTarget]:
    """Return the targets of some audiences, or all targets if no audience is given.

    Raises:
        ConfigError: The table has no user of an audience.
    """
    targets = [
        target
        for target, desired in desired_by_target.items()
        if filter_by_audience(desired, audiences)
    ]
    existing = {
        desired.audience
        for target in targets
        for desired in desired_by_target[target].values()
    }
    if unknown := set(audiences) - existing:
        names = ", ".join(sorted(unknown))
        raise ConfigError([f"audience {names}: not in the table; check the name"])
    return targets


_SYNC_DISABLED = (
    "sync_audiences is off, by the destination file or because a mapping sends "
    "audience events to lists: audiences change no list, so nothing can be compared"
)


def new_repair_id() -> str:
    """Return a new id for a repair."""
    return new_replay_id(datetime.now(UTC))
