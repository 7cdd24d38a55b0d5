"""The memberships table by list: the last word on each user there."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from streams.actions.commands import commanded_since
from streams.audiences.membership import Membership
from streams.audiences.pairing import paired
from streams.audiences.row import Memberships, audiences_in
from streams.destination.model import AudienceRule, Destination
from streams.events.origin import Origin


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """The last word on one user and one list.

    Attributes:
        user: The user key.
        audience: The audience that spoke it.
        membership: What it said.
        named: The list, where an event or the settings name it; empty means the one
            paired with the audience.
    """

    user: str
    audience: str
    membership: Membership
    named: str = ""

    @property
    def inside(self) -> bool:
        """Whether it says that the user is on the list."""
        return self.membership.inside

    @property
    def rank(self) -> tuple[int, Origin]:
        """The later of two words counts."""
        return self.membership.time_ms, self.membership.origin


Words = dict[str, Word]
"""User -> the last word on them."""


class Target(NamedTuple):
    """What words are about: a list, or an audience that has none yet.

    Attributes:
        list_id: Klaviyo's id; empty where there is none yet.
        audience: Whose list it will be; empty where there is one.
    """

    list_id: str = ""
    audience: str = ""


class Listed:
    """Finds the list of each membership.

    Args:
        destination: Which audiences are synced, and the lists that it names. Where it
            syncs none by themselves there are no words.
        pairings: The lists topic.
    """

    def __init__(
        self, destination: Destination, pairings: Mapping[bytes, bytes]
    ) -> None:
        self._syncs = destination.sync_audiences
        self._rules = destination.audiences
        self._pairings = pairings
        self._paired: dict[str, str] = {}

    def words(self, rows: Mapping[str, Memberships]) -> dict[Target, Words]:
        """Give the words on each list, and on each audience that has none yet.

        Where several audiences share a list, the last of them speaks for it, as it did
        when it happened. Where a mapping's command came later still, nobody does.
        """
        found: defaultdict[Target, Words] = defaultdict(dict)
        for user, row in rows.items() if self._syncs else ():
            for target, word in self._of_user(user, row):
                before = found[target].get(user)
                if before is None or before.rank < word.rank:
                    found[target][user] = word
        return found

    def _of_user(self, user: str, row: Memberships) -> Iterator[tuple[Target, Word]]:
        for audience, membership in audiences_in(row).items():
            rule = self._rules.get(audience, AudienceRule())
            if not rule.enabled:
                continue
            named = membership.list_id or rule.list_id
            list_id = named or self._pair(audience)
            if not commanded_since(row, list_id, membership):
                word = Word(
                    user=user, audience=audience, membership=membership, named=named
                )
                yield Target(list_id, "" if list_id else audience), word

    def _pair(self, audience: str) -> str:
        if audience not in self._paired:
            self._paired[audience] = paired(self._pairings, audience).list_id
        return self._paired[audience]


def about(words: Words, audiences: Collection[str]) -> Words:
    """Keep the words of these audiences; of all where none is named."""
    if not audiences:
        return words
    return {user: word for user, word in words.items() if word.audience in audiences}
