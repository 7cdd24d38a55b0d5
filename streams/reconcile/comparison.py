"""One list compared with the table: who is missing, who is there and should not be."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from streams.events.identifiers import plausible_email
from streams.klaviyo.batching.items import (
    LOOKUP_FIELDS,
    Identifier,
    normalize_identifier,
)
from streams.klaviyo.lookups.lists import ListMember
from streams.reconcile.desired_memberships import DesiredByUser, DesiredMembership


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingMember:
    """Someone inside who is not on the list.

    Attributes:
        desired: What the table says.
        identifiers: What names them; empty where nobody can tell.
    """

    desired: DesiredMembership
    identifiers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexpectedMember:
    """Someone outside who is on the list.

    Attributes:
        desired: What the table says.
        member: Their profile on the list.
    """

    desired: DesiredMembership
    member: ListMember


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What a comparison comes to.

    Attributes:
        missing: To be put on the list.
        unexpected: To be taken off it.
        unidentified: Inside, and maybe not on the list: the source record is gone, and
            Klaviyo knows no such user id. Left alone, since an add by what may be the
            id of a device would make a profile that is nobody's.
        unmanaged: Members the table has never heard of: somebody else's, left alone.
    """

    missing: tuple[MissingMember, ...]
    unexpected: tuple[UnexpectedMember, ...]
    unidentified: tuple[MissingMember, ...]
    unmanaged: tuple[ListMember, ...]

    @property
    def repair_count(self) -> int:
        """How many there are to be repaired."""
        return len(self.missing) + len(self.unexpected)

    def for_users(self, users: Collection[str]) -> "Differences":
        """Keep those of some users; the others are the list's."""
        return replace(
            self,
            missing=tuple(
                difference
                for difference in self.missing
                if difference.desired.user in users
            ),
            unexpected=tuple(
                difference
                for difference in self.unexpected
                if difference.desired.user in users
            ),
            unidentified=tuple(
                difference
                for difference in self.unidentified
                if difference.desired.user in users
            ),
        )


NO_DIFFERENCES = Differences(missing=(), unexpected=(), unidentified=(), unmanaged=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReport:
    """What one list came to.

    Attributes:
        list_id: Klaviyo's id; empty when its audience has no list yet.
        is_list_gone: Klaviyo has no such list.
        member_count: How many are on it.
        desired: What the table says of it.
        differences: What has to change.
        is_compared: Whether it was; an audience without a list is only where it is named.
    """

    list_id: str
    is_list_gone: bool
    member_count: int
    desired: DesiredByUser
    differences: Differences
    is_compared: bool = True

    @property
    def is_in_sync(self) -> bool:
        """Whether nothing is known to differ; without a list, nobody may be inside."""
        if self.is_compared:
            return not self.differences.repair_count
        return not any(membership.inside for membership in self.desired.values())


def build_uncompared_report(desired: DesiredByUser) -> ListReport:
    """Give what is said of an audience that has no list yet and was not named."""
    return ListReport(
        list_id="",
        is_list_gone=True,
        member_count=0,
        desired=desired,
        differences=NO_DIFFERENCES,
        is_compared=False,
    )


class Comparison:
    """A list and the table's words on it.

    A member may be several users: someone known by a device, then by a user id. On the
    list it is right as soon as one of them is inside.

    Args:
        desired: User -> the last word on this list.
        members: Who is on it.
        changed_users: Users whose word changed while the list was read: not judged.
    """

    def __init__(
        self,
        desired: DesiredByUser,
        members: Sequence[ListMember],
        *,
        changed_users: Collection[str] = frozenset(),
    ) -> None:
        self._desired = desired
        self._members = members
        self._changed_users = changed_users
        self._identifiers: dict[str, Mapping[str, str]] = {}
        self._members_by_identifier: defaultdict[Identifier, list[int]] = defaultdict(
            list
        )
        self._users_by_member: defaultdict[int, list[str]] = defaultdict(list)
        self._listed_users: set[str] = set()
        for member_index, member in enumerate(members):
            for identifier in member.identifiers.items():
                self._members_by_identifier[normalize_identifier(identifier)].append(
                    member_index
                )
        for user in desired:
            self._match_members(user, ((field, user) for field in LOOKUP_FIELDS))

    def find_unresolved(self, *, resync: bool = False) -> list[DesiredMembership]:
        """List the words whose source record has to say whom they mean.

        Those outside matter only while members are left that nobody is.

        Args:
            resync: All who are inside, found or not.
        """
        has_unmatched_members = len(self._users_by_member) < len(self._members)
        return [
            desired
            for user, desired in self._desired.items()
            if (desired.inside and resync)
            or (
                user not in self._listed_users
                and (desired.inside or has_unmatched_members)
            )
        ]

    def find_unidentified(self, *, resync: bool = False) -> list[str]:
        """List who is missing and whom nothing names but the user key.

        Args:
            resync: All who are inside, found or not.
        """
        return [
            desired.user
            for desired in self._find_missing(resync)
            if not self._identifiers_of(desired)
        ]

    def add_identity(self, user: str, identifiers: Mapping[str, str]) -> None:
        """Take in what names a user: their source record or their profile."""
        if self._desired[user].inside:
            self._identifiers[user] = identifiers
        self._match_members(user, identifiers.items())

    def find_differences(self, *, resync: bool = False) -> Differences:
        """Say what has to change.

        Args:
            resync: Count all who are inside as missing.
        """
        missing = [
            MissingMember(desired=desired, identifiers=self._identifiers_of(desired))
            for desired in self._find_missing(resync)
        ]
        return Differences(
            missing=tuple(
                difference for difference in missing if difference.identifiers
            ),
            unidentified=tuple(
                difference for difference in missing if not difference.identifiers
            ),
            unexpected=tuple(
                UnexpectedMember(
                    desired=self._latest_write_of(users),
                    member=self._members[member_index],
                )
                for member_index, users in sorted(self._users_by_member.items())
                if not self._has_member_among(users)
            ),
            unmanaged=tuple(
                member
                for member_index, member in enumerate(self._members)
                if member_index not in self._users_by_member
            ),
        )

    def _find_missing(self, resync: bool) -> list[DesiredMembership]:  # noqa: FBT001 - as asked for
        return [
            desired
            for user, desired in self._desired.items()
            if desired.inside
            and user not in self._changed_users
            and (resync or user not in self._listed_users)
        ]

    def _identifiers_of(self, desired: DesiredMembership) -> Mapping[str, str]:
        return self._identifiers.get(desired.user) or identifiers_from_key(desired.user)

    def _match_members(self, user: str, identifiers: Iterable[Identifier]) -> None:
        for identifier in identifiers:
            for member_index in self._members_by_identifier.get(
                normalize_identifier(identifier), ()
            ):
                if user not in self._users_by_member[member_index]:
                    self._users_by_member[member_index].append(user)
                self._listed_users.add(user)

    def _has_member_among(self, users: Iterable[str]) -> bool:
        return any(
            self._desired[user].inside or user in self._changed_users for user in users
        )

    def _latest_write_of(self, users: Iterable[str]) -> DesiredMembership:
        return max(
            (self._desired[user] for user in users),
            key=lambda desired: desired.write_order,
        )


def identifiers_from_key(user: str) -> dict[str, str]:
    """Name someone by their user key alone, where it is an e-mail address.

    Another key may be a user id or that of a device, and nobody can tell which.
    """
    return {"email": user} if plausible_email(user) == user else {}
