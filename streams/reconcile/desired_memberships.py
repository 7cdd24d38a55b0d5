"""The memberships table by list: the last word on each user there."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from streams.actions.commands import has_command_since
from streams.audiences.list_mapping import list_mapping_of
from streams.destination.model import AudienceRule, Destination
from streams.events.origin import Origin
from streams.state.last_write import LastWrite
from streams.state.user_row import UserRow


class DesiredMembership(msgspec.Struct, frozen=True, kw_only=True):
    """The last word on one user and one list.

    Attributes:
        user: The user key.
        audience: The audience that spoke it.
        last_write: What it said.
        explicit_list_id: The list, where an event or the settings name it; empty means the one
            paired with the audience.
    """

    user: str
    audience: str
    last_write: LastWrite
    explicit_list_id: str = ""

    @property
    def inside(self) -> bool:
        """Whether it says that the user is on the list."""
        return self.last_write.inside

    @property
    def write_order(self) -> tuple[int, Origin]:
        """The later of two words counts."""
        return self.last_write.time_ms, self.last_write.origin


DesiredByUser = dict[str, DesiredMembership]
"""User -> the last word on them."""


class ReconcileTarget(NamedTuple):
    """What words are about: a list, or an audience that has none yet.

    Attributes:
        list_id: Klaviyo's id; empty where there is none yet.
        audience: Whose list it will be; empty where there is one.
    """

    list_id: str = ""
    audience: str = ""


class ListIndex:
    """Finds the list of each membership.

    Args:
        destination: Which audiences are synced, and the lists that it names. Where it
            syncs none by themselves there are no words.
        list_mappings: The audience-lists topic.
    """

    def __init__(
        self, destination: Destination, list_mappings: Mapping[bytes, bytes]
    ) -> None:
        self._syncs_audiences = destination.sync_audiences
        self._audience_rules = destination.audiences
        self._list_mappings = list_mappings
        self._list_ids: dict[str, str] = {}

    def build_desired(
        self, user_rows: Mapping[str, UserRow]
    ) -> dict[ReconcileTarget, DesiredByUser]:
        """Give the words on each list, and on each audience that has none yet.

        Where several audiences share a list, the last of them speaks for it, as it did
        when it happened. Where a mapping's command came later still, nobody does.
        """
        desired_by_target: defaultdict[ReconcileTarget, DesiredByUser] = defaultdict(
            dict
        )
        for user, row in user_rows.items() if self._syncs_audiences else ():
            for target, desired in self._desired_of_user(user, row):
                previous = desired_by_target[target].get(user)
                if previous is None or previous.write_order < desired.write_order:
                    desired_by_target[target][user] = desired
        return desired_by_target

    def _desired_of_user(
        self, user: str, row: UserRow
    ) -> Iterator[tuple[ReconcileTarget, DesiredMembership]]:
        for audience, last_write in row.memberships.items():
            rule = self._audience_rules.get(audience, AudienceRule())
            if not rule.enabled:
                continue
            explicit_list_id = last_write.list_id or rule.list_id
            list_id = explicit_list_id or self._mapped_list_id(audience)
            if not has_command_since(row, list_id, last_write):
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
    """Keep the words of these audiences; of all where none is named."""
    if not audiences:
        return desired_by_user
    return {
        user: desired
        for user, desired in desired_by_user.items()
        if desired.audience in audiences
    }
