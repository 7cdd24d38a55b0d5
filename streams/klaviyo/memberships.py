"""Who is on a list, asked by address."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from functools import partial

from streams.klaviyo import consent_requests
from streams.klaviyo.answers import Accepted, Rejected, Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.isolate import apart
from streams.klaviyo.items import Identifier, folded
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lists import list_exists
from streams.klaviyo.lookups import Lookup, match_rows
from streams.klaviyo.pages import all_pages
from streams.klaviyo.responses import resources

Hits = dict[int, dict[str, str]]
"""Place of an item → field of an address that a member has → the member's id."""

Names = Mapping[int, Mapping[str, str]]
"""Place of an item → its addresses."""


async def find_members(
    client: Caller, names: Names, *, list_id: str, ledger: Ledger
) -> Hits | None:
    """Find the members of a list that have these addresses, a hundred at a time.

    Args:
        client: Sends the requests.
        names: The addresses; emails and phone numbers are asked for apart.
        list_id: Klaviyo's id of the list.
        ledger: Counts requests; an address Klaviyo refuses makes a dead letter.

    Returns:
        Who was found; None when the list does not exist.
    """
    by_field: dict[str, dict[int, Identifier]] = defaultdict(dict)
    for index, addresses in names.items():
        for field, value in addresses.items():
            by_field[field][index] = folded((field, value))
    lookups = {
        field: _MemberLookup(client, ledger, wanted, list_id=list_id)
        for field, wanted in by_field.items()
    }
    await asyncio.gather(*(lookup.run() for lookup in lookups.values()))
    if any(lookup.gone for lookup in lookups.values()):
        return None
    hits: Hits = defaultdict(dict)
    for field, lookup in lookups.items():
        for index, ids in lookup.found().items():
            hits[index][field] = ids[0]
    return hits


class _MemberLookup(Lookup):
    """A lookup among the members of one list.

    Args:
        client: Sends the requests.
        ledger: Counts them, and takes the dead letters.
        names: Place of an item → what to look it up by.
        list_id: Klaviyo's id of the list.
    """

    def __init__(
        self,
        client: Caller,
        ledger: Ledger,
        names: Mapping[int, Identifier],
        *,
        list_id: str,
    ) -> None:
        super().__init__(client, ledger, names)
        self._list_id = list_id
        self.gone = False

    async def _find(self, field: str, values: tuple[str, ...]) -> None:
        parted = await apart(
            values, send=partial(self._ask, field), gone=self._list_is_gone
        )
        self.gone |= parted.gone
        for refused in parted.refused:
            self._refuse((field, refused.item), refused)

    async def _ask(self, field: str, values: tuple[str, ...]) -> Settled:
        request = consent_requests.members_with(field, values, list_id=self._list_id)
        answer = await all_pages(self._client, request)
        indices = (i for value in values for i in self._places[field, value])
        self._ledger.carried(indices, attempts=answer.attempts)
        if not isinstance(answer, Accepted):
            return answer
        hits = match_rows(field, values, resources(answer.data))
        if hits is None:
            return Rejected(status=answer.status, reason="ambiguous-lookup")
        self._hits |= {(field, value): ids for value, ids in hits.items()}
        return answer

    async def _list_is_gone(self) -> bool:
        return not await list_exists(self._client, self._list_id)
