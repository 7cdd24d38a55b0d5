"""Desired members of each list, derived from the memberships table."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from streams.actions.commands import has_command_since
from streams.audiences.list_mapping import list_mapping_of
from streams.destination.model import AudienceRule, Destination
from streams.events.canonical_event import Origin
from streams.state.entries import LastWrite
from streams.state.user_entries import UserEntries


class DesiredMembership(msgspec.Struct, frozen=True, kw_only=True):
    """Membership that a user should have on a list.

    Attributes:
        user: The user key.
        audience: Audience of the last write.
        last_write: Last write of the user's membership.
        explicit_list_id: List that an event or the destination file names; empty for
            the list that is mapped to the audience.
    """

    user: str
    audience: str
    last_write: LastWrite
    explicit_list_id: str = ""

    @property
    def inside(self) -> bool:
        """Return True if the user should be on the list."""
        return self.last_write.inside

    @property
    def write_order(self) -> tuple[int, Origin]:
        """Ordering key: the greater of two memberships counts."""
        return self.last_write.time_ms, self.last_write.origin


DesiredByUser = dict[str, DesiredMembership]
"""User key → desired membership on one list."""


class ReconcileTarget(NamedTuple):
    """List to compare, or an audience that has no list yet.

    Attributes:
        list_id: Id of the list; empty if there is none yet.
        audience: Audience that will have the list; empty if there is a list.
    """

    list_id: str = ""
    audience: str = ""


class ListIndex:
    """Index from the memberships in the table to the lists in Klaviyo.

    Args:
        destination: Names the audiences to sync and their lists. If audience sync is
            off, no membership is desired.
        list_mappings: Rows of the audience-lists topic.
    """

    def __init__(
        self, destination: Destination, list_mappings: Mapping[bytes, bytes]
    ) -> None:
        self._syncs_audiences = destination.sync_audiences
        self._audience_rules = destination.audiences
        self._list_mappings = list_mappings
        self._list_ids: dict[str, str] = {}

    def build_desired(
        self, entries_by_user: Mapping[str, UserEntries]
    ) -> dict[ReconcileTarget, DesiredByUser]:
        """Return the desired memberships of each list, or audience without a list.

        If several audiences share a list, the latest write counts, as for live events.
        If a mapping's command for the list is later still, no membership is desired.
        """
        desired_by_target: defaultdict[ReconcileTarget, DesiredByUser] = defaultdict(
            dict
        )
        for user, entries in entries_by_user.items() if self._syncs_audiences else ():
            for target, desired in self._desired_of_user(user, entries):
                previous = desired_by_target[target].get(user)
                if previous is None or previous.write_order < desired.write_order:
                    desired_by_target[target][user] = desired
        return desired_by_target

    def _desired_of_user(
        self, user: str, entries: UserEntries
    ) -> Iterator[tuple[ReconcileTarget, DesiredMembership]]:
        for audience, last_write in entries.memberships.items():
            rule = self._audience_rules.get(audience, AudienceRule())
            if not rule.enabled:
                continue
            explicit_list_id = last_write.list_id or rule.list_id
            list_id = explicit_list_id or self._mapped_list_id(audience)
            if not has_command_since(entries, list_id, last_write):
                desired = DesiredMembership(
                    user=user,
                    audience=audience,
                    last_write=last_write,
                    explicit_list_id=explicit_list_id,
                )
                yield ReconcileTarget(list_id, "" if list_id else audience), desired

    def _mapped_list_id(self, audience: str) -> str:
        if audience not in self._list_ids:
            self._list_ids[audience] = list_mapping_of(
                self._list_mappings, audience
            ).list_id
        return self._list_ids[audience]


def filter_by_audience(
    desired_by_user: DesiredByUser, audiences: Collection[str]
) -> DesiredByUser:
    """Return the memberships of some audiences, or of all if no audience is given."""
    if not audiences:
        return desired_by_user
    return {
        user: desired
        for user, desired in desired_by_user.items()
        if desired.audience in audiences
    }
