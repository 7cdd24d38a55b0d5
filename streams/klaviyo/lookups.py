"""Profile ids found by identifier, a hundred at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from streams.errors import EngineError
from streams.klaviyo import requests
from streams.klaviyo.answers import Accepted, Rejected, Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.isolate import Refused, apart, chunked
from streams.klaviyo.items import LOOKUP_FIELDS, Identifier, Item, folded, identifiers
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.metrics import Impatient
from streams.klaviyo.pages import all_pages
from streams.klaviyo.quotas import LOOKUP_MAX_VALUES, URL_MAX_BYTES
from streams.klaviyo.requests import Request
from streams.klaviyo.responses import attributes_of, id_of, resources

Ids = dict[int, list[str]]
"""Place of an item → the Klaviyo ids of its profile; usually one."""

Row = Mapping[str, Any]
"""One profile of an answer."""

BAD_REQUEST = 400

_VALUES_MAX_BYTES = URL_MAX_BYTES - len(
    requests.find_profiles("phone_number", ()).target
)
"""What the longest target leaves for the values."""


async def find_ids(client: Caller, items: Iterable[Item], *, ledger: Ledger) -> Ids:
    """Find the Klaviyo ids of profiles.

    Each is looked up by its external id, then its email, then its phone number; by the
    next only when the one before finds nothing.

    Args:
        client: Sends the requests.
        items: The profiles.
        ledger: Counts requests; an identifier Klaviyo refuses makes a dead letter.

    Returns:
        The ids of those that were found. The others are dead letters already, or have
        no profile.
    """
    found: Ids = {}
    left = {item.index: _names(item) for item in items}
    while left := {index: names for index, names in left.items() if names}:
        lookup = Lookup(client, ledger, {index: left[index].pop(0) for index in left})
        await lookup.run()
        found |= lookup.found()
        for index in lookup.settled():
            del left[index]
    return found


async def known_users(client: Caller, users: Sequence[str]) -> set[str]:
    """Say which user ids Klaviyo has a profile of.

    Args:
        client: Sends the requests, a hundred ids in each.
        users: User ids; one that Klaviyo refuses has no profile.

    Raises:
        EngineError: Klaviyo does not say.
    """
    names = {index: ("external_id", user) for index, user in enumerate(users)}
    lookup = Lookup(_Resolute(client), Ledger(len(users)), names)
    await lookup.run()
    return {users[index] for index in lookup.found()}


class _Resolute(Impatient):
    """Raises where Klaviyo says nothing of the ids: apart, each would fail alike."""

    async def call(self, request: Request) -> Settled:
        """Send until Klaviyo settles it."""
        answer = await super().call(request)
        if isinstance(answer, Rejected) and answer.status != BAD_REQUEST:
            raise EngineError(f"profiles cannot be looked up: {answer.reason}")
        return answer


class Lookup:
    """One pass: every item by one identifier.

    Args:
        client: Sends the requests.
        ledger: Counts them, and takes the dead letters.
        names: Place of an item → what to look it up by.
    """

    def __init__(
        self, client: Caller, ledger: Ledger, names: Mapping[int, Identifier]
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._places: dict[Identifier, list[int]] = defaultdict(list)
        for index, name in names.items():
            self._places[name].append(index)
        self._hits: dict[Identifier, list[str]] = {}
        self._refused: set[Identifier] = set()

    async def run(self) -> None:
        """Ask for all of them."""
        by_field: dict[str, list[str]] = defaultdict(list)
        for field, value in self._places:
            by_field[field].append(value)
        await asyncio.gather(
            *(
                self._find(field, values)
                for field, all_values in by_field.items()
                for values in _chunks(all_values)
            )
        )

    def found(self) -> Ids:
        """List the ids of the items that were found."""
        return {i: ids for name, ids in self._hits.items() for i in self._places[name]}

    def settled(self) -> list[int]:
        """List the items that need no further identifier."""
        names = [*self._hits, *self._refused]
        return [index for name in names for index in self._places[name]]

    async def _find(self, field: str, values: tuple[str, ...]) -> None:
        parted = await apart(values, send=partial(self._ask, field))
        for refused in parted.refused:
            self._refuse((field, refused.item), refused)

    async def _ask(self, field: str, values: tuple[str, ...]) -> Settled:
        answer = await all_pages(self._client, requests.find_profiles(field, values))
        indices = (i for value in values for i in self._places[field, value])
        self._ledger.carried(indices, attempts=answer.attempts)
        if not isinstance(answer, Accepted):
            return answer
        hits = match_rows(field, values, resources(answer.data))
        if hits is None:
            return Rejected(status=answer.status, reason="ambiguous-lookup")
        self._hits |= {(field, value): ids for value, ids in hits.items()}
        return answer

    def _refuse(self, name: Identifier, refused: Refused[str]) -> None:
        self._refused.add(name)
        reason = f"{refused.reason} ({name[0]})"
        for index in self._places[name]:
            self._ledger.dead_letter(index, reason, status=refused.status)


def match_rows(
    field: str, values: Sequence[str], rows: Iterable[Row]
) -> dict[str, list[str]] | None:
    """Match profiles with the values they were looked up by.

    Args:
        field: The identifier's field.
        values: The values.
        rows: The profiles of the answer.

    Returns:
        Ids by value; None when a profile matches no value and it is not clear whose it
        is. The only profile found for the only value is the one, however Klaviyo
        writes its identifier.
    """
    rows = list(rows)
    if len(rows) == len(values) == 1:
        return {values[0]: [id_of(rows[0])]}
    hits: dict[str, list[str]] = {value: [] for value in values}
    for row in rows:
        _, value = folded((field, str(attributes_of(row).get(field))))
        if value not in hits:
            return None
        hits[value].append(id_of(row))
    return {value: ids for value, ids in hits.items() if ids}


def _names(item: Item) -> list[Identifier]:
    return [folded(name) for name in identifiers(item.profile, fields=LOOKUP_FIELDS)]


def _chunks(values: list[str]) -> list[tuple[str, ...]]:
    return chunked(
        values,
        count_max=LOOKUP_MAX_VALUES,
        weight=lambda value: len(requests.encoded(requests.literal(value) + ",")),
        weight_max=_VALUES_MAX_BYTES,
    )
