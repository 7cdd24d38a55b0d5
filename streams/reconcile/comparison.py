"""Comparison of a list in Klaviyo with the memberships table."""

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
    """User inside the audience but not on the list.

    Attributes:
        desired: The user's membership in the table.
        identifiers: The user's identifiers; empty if unknown.
    """

    desired: DesiredMembership
    identifiers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexpectedMember:
    """User outside the audience but on the list.

    Attributes:
        desired: The user's membership in the table.
        member: The user's profile on the list.
    """

    desired: DesiredMembership
    member: ListMember


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Differences between a list and the table.

    Attributes:
        missing: Users to add to the list.
        unexpected: Users to remove from the list.
        unidentified: Users inside, perhaps not on the list, whose source record is gone
            and whose user key is no user id in Klaviyo. Not repaired: the key may be
            the id of a device, and an add would create a profile without a person.
        unmanaged: Members that the table does not have: other tools added these
            profiles, so a repair does not touch the profiles.
    """

    missing: tuple[MissingMember, ...]
    unexpected: tuple[UnexpectedMember, ...]
    unidentified: tuple[MissingMember, ...]
    unmanaged: tuple[ListMember, ...]

    @property
    def repair_count(self) -> int:
        """Number of differences to repair."""
        return len(self.missing) + len(self.unexpected)

    def for_users(self, users: Collection[str]) -> "Differences":
        """Return the differences of some users, with all unmanaged members."""
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
    """Result of comparing a list with the table.

    Attributes:
        list_id: Id of the list; empty if the audience has no list yet.
        is_list_gone: Klaviyo has no such list.
        member_count: Number of members on the list.
        desired: Memberships in the table.
        differences: Differences between the list and the table.
        is_compared: False for an audience without a list that was not asked for.
    """

    list_id: str
    is_list_gone: bool
    member_count: int
    desired: DesiredByUser
    differences: Differences
    is_compared: bool = True

    @property
    def is_in_sync(self) -> bool:
        """Return True if no difference is known and no user inside lacks a list."""
        if self.is_compared:
            return not self.differences.repair_count
        return not any(membership.inside for membership in self.desired.values())


def build_uncompared_report(desired: DesiredByUser) -> ListReport:
    """Build the report for an audience without a list that was not asked for."""
    return ListReport(
        list_id="",
        is_list_gone=True,
        member_count=0,
        desired=desired,
        differences=NO_DIFFERENCES,
        is_compared=False,
    )


class Comparison:
    """Comparison of the members of a list with the memberships in the table.

    Several users may be the same member: a person first known by a device, then by a
    user id. Such a member belongs on the list if any of the users is inside.

    Args:
        desired: User → membership in the table.
        members: Members of the list.
        changed_users: Users whose membership changed while the list was read. A
            comparison with the older list would be wrong for these users.
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
        """Return the memberships that need identifiers from the source record.

        Users outside matter only while the list has members that match no user.

        Args:
            resync: Include all users inside, also those on the list.
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
        """Return the missing users with no identifiers beside the user key.

        Args:
            resync: Include all users inside, also those on the list.
        """
        return [
            desired.user
            for desired in self._find_missing(resync)
            if not self._identifiers_of(desired)
        ]

    def add_identity(self, user: str, identifiers: Mapping[str, str]) -> None:
        """Add the identifiers of a user, from the source record or from the profile."""
        if self._desired[user].inside:
            self._identifiers[user] = identifiers
        self._match_members(user, identifiers.items())

    def find_differences(self, *, resync: bool = False) -> Differences:
        """Return the differences between the list and the table.

        Args:
            resync: Count all users inside as missing.
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

    def _find_missing(self, resync: bool) -> list[DesiredMembership]:  # noqa: FBT001 - passed on
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
    """Return the identifiers that a user key alone gives: an e-mail address, if any.

    Any other key may be a user id or the id of a device; the key does not show which.
    """
    return {"email": user} if plausible_email(user) == user else {}
