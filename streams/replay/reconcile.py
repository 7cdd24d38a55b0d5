"""One list compared with the table: who is missing, who is there and should not be."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from streams.events.identity import usable_email
from streams.klaviyo.items import LOOKUP_FIELDS, Identifier, folded
from streams.klaviyo.rosters import Member
from streams.replay.words import Word, Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Someone inside who is not on the list.

    Attributes:
        word: What the table says.
        identifiers: What names them; empty where nobody can tell.
    """

    word: Word
    identifiers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected:
    """Someone outside who is on the list.

    Attributes:
        word: What the table says.
        member: Their profile on the list.
    """

    word: Word
    member: Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What a comparison comes to.

    Attributes:
        missing: To be put on the list.
        unexpected: To be taken off it.
        unnamed: Inside, and maybe not on the list: the source record is gone, and
            Klaviyo knows no such user id. Left alone, since an add by what may be the
            id of a device would make a profile that is nobody's.
        others: Members the table has never heard of: somebody else's, left alone.
    """

    missing: tuple[Missing, ...]
    unexpected: tuple[Unexpected, ...]
    unnamed: tuple[Missing, ...]
    others: tuple[Member, ...]

    @property
    def count(self) -> int:
        """How many there are to be repaired."""
        return len(self.missing) + len(self.unexpected)

    def of(self, users: Collection[str]) -> "Differences":
        """Keep those of some users; the others are the list's."""
        return replace(
            self,
            missing=tuple(one for one in self.missing if one.word.user in users),
            unexpected=tuple(one for one in self.unexpected if one.word.user in users),
            unnamed=tuple(one for one in self.unnamed if one.word.user in users),
        )


NO_DIFFERENCES = Differences(missing=(), unexpected=(), unnamed=(), others=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one list came to.

    Attributes:
        list_id: Klaviyo's id; empty when its audience has no list yet.
        gone: Klaviyo has no such list.
        members: How many are on it.
        words: What the table says of it.
        differences: What has to change.
        compared: Whether it was; an audience without a list is only where it is named.
    """

    list_id: str
    gone: bool
    members: int
    words: Words
    differences: Differences
    compared: bool = True

    @property
    def is_equal(self) -> bool:
        """Whether nothing is known to differ; without a list, nobody may be inside."""
        if self.compared:
            return not self.differences.count
        return not any(word.inside for word in self.words.values())


def passed_over(words: Words) -> Found:
    """Give what is said of an audience that has no list yet and was not named."""
    return Found(
        list_id="",
        gone=True,
        members=0,
        words=words,
        differences=NO_DIFFERENCES,
        compared=False,
    )


class Comparison:
    """A list and the table's words on it.

    A member may be several users: someone known by a device, then by a user id. On the
    list it is right as soon as one of them is inside.

    Args:
        words: User -> the last word on this list.
        members: Who is on it.
        moving: Users whose word changed while the list was read: not judged.
    """

    def __init__(
        self,
        words: Words,
        members: Sequence[Member],
        *,
        moving: Collection[str] = frozenset(),
    ) -> None:
        self._words = words
        self._members = members
        self._moving = moving
        self._told: dict[str, Mapping[str, str]] = {}
        self._seats: defaultdict[Identifier, list[int]] = defaultdict(list)
        self._users: defaultdict[int, list[str]] = defaultdict(list)
        self._present: set[str] = set()
        for seat, member in enumerate(members):
            for name in member.identifiers.items():
                self._seats[folded(name)].append(seat)
        for user in words:
            self._seat(user, ((field, user) for field in LOOKUP_FIELDS))

    def unsure(self, *, everyone: bool = False) -> list[Word]:
        """List the words whose source record has to say whom they mean.

        Those outside matter only while members are left that nobody is.

        Args:
            everyone: All who are inside, found or not.
        """
        strangers = len(self._users) < len(self._members)
        return [
            word
            for user, word in self._words.items()
            if (word.inside and everyone)
            or (user not in self._present and (word.inside or strangers))
        ]

    def nameless(self, *, everyone: bool = False) -> list[str]:
        """List who is missing and whom nothing names but the user key.

        Args:
            everyone: All who are inside, found or not.
        """
        return [word.user for word in self._missing(everyone) if not self._name(word)]

    def tell(self, user: str, identifiers: Mapping[str, str]) -> None:
        """Take in what names a user: their source record or their profile."""
        if self._words[user].inside:
            self._told[user] = identifiers
        self._seat(user, identifiers.items())

    def differences(self, *, everyone: bool = False) -> Differences:
        """Say what has to change.

        Args:
            everyone: Count all who are inside as missing.
        """
        missing = [
            Missing(word=word, identifiers=self._name(word))
            for word in self._missing(everyone)
        ]
        return Differences(
            missing=tuple(one for one in missing if one.identifiers),
            unnamed=tuple(one for one in missing if not one.identifiers),
            unexpected=tuple(
                Unexpected(word=self._last(users), member=self._members[seat])
                for seat, users in sorted(self._users.items())
                if not self._may_stay(users)
            ),
            others=tuple(
                member
                for seat, member in enumerate(self._members)
                if seat not in self._users
            ),
        )

    def _missing(self, everyone: bool) -> list[Word]:  # noqa: FBT001 - as asked for
        return [
            word
            for user, word in self._words.items()
            if word.inside
            and user not in self._moving
            and (everyone or user not in self._present)
        ]

    def _name(self, word: Word) -> Mapping[str, str]:
        return self._told.get(word.user) or key_names(word.user)

    def _seat(self, user: str, names: Iterable[Identifier]) -> None:
        for name in names:
            for seat in self._seats.get(folded(name), ()):
                if user not in self._users[seat]:
                    self._users[seat].append(user)
                self._present.add(user)

    def _may_stay(self, users: Iterable[str]) -> bool:
        return any(self._words[one].inside or one in self._moving for one in users)

    def _last(self, users: Iterable[str]) -> Word:
        return max((self._words[user] for user in users), key=lambda word: word.rank)


def key_names(user: str) -> dict[str, str]:
    """Name someone by their user key alone, where it is an e-mail address.

    Another key may be a user id or that of a device, and nobody can tell which.
    """
    return {"email": user} if usable_email(user) == user else {}
