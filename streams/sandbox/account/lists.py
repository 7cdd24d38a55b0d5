"""The lists of the account, their members, and what was asked of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from streams.sandbox.account.profiles import StoredProfile


@dataclass(slots=True)
class MembershipCounts:
    """What requests asked of one list, in items, and what that changed.

    Attributes:
        add_requests: Requests accepted that add: relationship calls, imports.
        remove_requests: Requests accepted that remove.
        adds: Profiles in the former, as received.
        removals: Profiles in the latter, as received.
        effective_adds: Profiles that were not members before.
        effective_removals: Profiles that were members before.
    """

    add_requests: int = 0
    remove_requests: int = 0
    adds: int = 0
    removals: int = 0
    effective_adds: int = 0
    effective_removals: int = 0

    def count_add_request(self, *, items: int) -> None:
        """Count one accepted request that adds."""
        self.add_requests += 1
        self.adds += items

    def count_remove_request(self, *, items: int) -> None:
        """Count one accepted request that removes."""
        self.remove_requests += 1
        self.removals += items


@dataclass(slots=True, eq=False)
class MailList:
    """One list.

    Attributes:
        id: Klaviyo's id.
        seq: Place in the order of creation.
        name: Its name; other lists may have the same.
        opt_in_process: `single_opt_in` or `double_opt_in`.
        created_s: When it was created.
        updated_s: When its name or opt-in last changed.
        members: Profile id to (place in the order of joining, when it joined).
        changes: What was asked of it.
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
    """All lists."""

    def __init__(self) -> None:
        self._seq = count(1)
        self._join_seq = count(1)
        self.by_id: dict[str, MailList] = {}

    def clear(self) -> None:
        """Forget all lists; their ids are never used again."""
        self.by_id.clear()

    def create(self, name: str, *, opt_in_process: str, now_s: float) -> MailList:
        """Add a list, whatever other lists are called."""
        seq = next(self._seq)
        created = MailList(f"L{seq:05d}", seq, name, opt_in_process, now_s, now_s)
        self.by_id[created.id] = created
        return created

    def add_members(
        self, mail_list: MailList, profiles: Iterable[StoredProfile], *, now_s: float
    ) -> None:
        """Make the profiles members; those who are stay as they joined."""
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
        """End the memberships; for those who are no members nothing happens."""
        for profile in profiles:
            if mail_list.members.pop(profile.id, None) is not None:
                profile.lists.discard(mail_list.id)
                mail_list.changes.effective_removals += 1

    def remove_profile(self, profile: StoredProfile) -> None:
        """Take a deleted profile off every list; no request asked for that."""
        for list_id in profile.lists:
            self.by_id[list_id].members.pop(profile.id, None)
        profile.lists.clear()

    def delete(self, mail_list: MailList, members: Iterable[StoredProfile]) -> None:
        """Delete the list, as a person may in Klaviyo's own pages."""
        del self.by_id[mail_list.id]
        for profile in members:
            profile.lists.discard(mail_list.id)
