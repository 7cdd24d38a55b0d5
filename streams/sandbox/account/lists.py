"""Lists of the account, with members and counts of membership changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from streams.sandbox.account.profiles import StoredProfile


@dataclass(slots=True)
class MembershipCounts:
    """Counts of requested and effective membership changes of a list.

    Attributes:
        add_requests: Accepted requests that add: relationship calls, imports.
        remove_requests: Accepted requests that remove.
        adds: Profiles in the add requests, as received.
        removals: Profiles in the remove requests, as received.
        effective_adds: Added profiles that were not members before.
        effective_removals: Removed profiles that were members before.
    """

    add_requests: int = 0
    remove_requests: int = 0
    adds: int = 0
    removals: int = 0
    effective_adds: int = 0
    effective_removals: int = 0

    def count_add_request(self, *, items: int) -> None:
        """Count an accepted request that adds profiles."""
        self.add_requests += 1
        self.adds += items

    def count_remove_request(self, *, items: int) -> None:
        """Count an accepted request that removes profiles."""
        self.remove_requests += 1
        self.removals += items


@dataclass(slots=True, eq=False)
class MailList:
    """List of the account.

    Attributes:
        id: Klaviyo's id.
        seq: Position in the order of creation.
        name: Name of the list; other lists may have the same name.
        opt_in_process: `single_opt_in` or `double_opt_in`.
        created_s: Time of creation.
        updated_s: Time of the last change of name or opt-in process.
        members: Profile id to (position in the order of joining, time of joining).
        changes: Counts of membership changes.
    """

    id: str
    seq: int
    name: str
    opt_in_process: str
    created_s: float
    updated_s: float
    members: dict[str, tuple[int, float]] = field(default_factory=dict)
    changes: MembershipCounts = field(default_factory=MembershipCounts)


class Lists:
    """All lists of the account."""

    def __init__(self) -> None:
        self._seq = count(1)
        self._join_seq = count(1)
        self.by_id: dict[str, MailList] = {}

    def clear(self) -> None:
        """Delete all lists; the ids are never used again."""
        self.by_id.clear()

    def create(self, name: str, *, opt_in_process: str, now_s: float) -> MailList:
        """Add a list; names need not be unique."""
        seq = next(self._seq)
        created = MailList(f"L{seq:05d}", seq, name, opt_in_process, now_s, now_s)
        self.by_id[created.id] = created
        return created

    def add_members(
        self, mail_list: MailList, profiles: Iterable[StoredProfile], *, now_s: float
    ) -> None:
        """Add profiles to a list; existing members keep the time of joining."""
        members = mail_list.members
        previous_count = len(members)
        for profile in profiles:
            if profile.id not in members:
                members[profile.id] = (next(self._join_seq), now_s)
                profile.lists.add(mail_list.id)
        mail_list.changes.effective_adds += len(members) - previous_count

    def remove_members(
        self, mail_list: MailList, profiles: Iterable[StoredProfile]
    ) -> None:
        """Remove profiles from a list; profiles that are not members are ignored."""
        for profile in profiles:
            if mail_list.members.pop(profile.id, None) is not None:
                profile.lists.discard(mail_list.id)
                mail_list.changes.effective_removals += 1

    def remove_profile(self, profile: StoredProfile) -> None:
        """Remove a deleted profile from all lists, without counting a request."""
        for list_id in profile.lists:
            self.by_id[list_id].members.pop(profile.id, None)
        profile.lists.clear()

    def replace_member(
        self, source: StoredProfile, into: StoredProfile, *, now_s: float
    ) -> None:
        """Move the memberships of a profile to another, without counting a request."""
        for list_id in sorted(source.lists):
            members = self.by_id[list_id].members
            members.pop(source.id, None)
            if into.id not in members:
                members[into.id] = (next(self._join_seq), now_s)
                into.lists.add(list_id)
        source.lists.clear()

    def delete(self, mail_list: MailList, members: Iterable[StoredProfile]) -> None:
        """Delete a list, as a person can do in Klaviyo's web application."""
        del self.by_id[mail_list.id]
        for profile in members:
            profile.lists.discard(mail_list.id)
