"""Who is on a list, asked by address."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from functools import partial

from streams.klaviyo.api.pagination import fetch_all_pages, list_exists
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.responses import resources
from streams.klaviyo.api.results import Accepted, FinalResult, Rejected
from streams.klaviyo.batching.bisect import send_with_bisect
from streams.klaviyo.batching.items import Identifier, normalize_identifier
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.lookups.profile_lookup import ProfileLookup, match_profiles
from streams.klaviyo.payloads import consent_requests

MemberIds = dict[int, dict[str, str]]
"""Place of an item → field of an address that a member has → the member's id."""

AddressesByItem = Mapping[int, Mapping[str, str]]
"""Place of an item → its addresses."""


async def find_list_members(
    client: KlaviyoApi,
    addresses_by_index: AddressesByItem,
    *,
    list_id: str,
    collector: VerdictCollector,
) -> MemberIds | None:
    """Find the members of a list that have these addresses, a hundred at a time.

    Args:
        client: Sends the requests.
        addresses_by_index: The addresses; emails and phone numbers are asked for apart.
        list_id: Klaviyo's id of the list.
        collector: Counts requests; an address Klaviyo refuses makes a dead letter.

    Returns:
        Who was found; None when the list does not exist.
    """
    by_field: dict[str, dict[int, Identifier]] = defaultdict(dict)
    for index, addresses in addresses_by_index.items():
        for field, value in addresses.items():
            by_field[field][index] = normalize_identifier((field, value))
    lookups = {
        field: _MemberLookup(client, collector, identifiers, list_id=list_id)
        for field, identifiers in by_field.items()
    }
    await asyncio.gather(*(lookup.run() for lookup in lookups.values()))
    if any(lookup.list_gone for lookup in lookups.values()):
        return None
    member_ids: MemberIds = defaultdict(dict)
    for field, lookup in lookups.items():
        for index, ids in lookup.profile_ids().items():
            member_ids[index][field] = ids[0]
    return member_ids


class _MemberLookup(ProfileLookup):
    """A lookup among the members of one list.

    Args:
        client: Sends the requests.
        collector: Counts them, and takes the dead letters.
        identifiers_by_index: Place of an item → what to look it up by.
        list_id: Klaviyo's id of the list.
    """

    def __init__(
        self,
        client: KlaviyoApi,
        collector: VerdictCollector,
        identifiers_by_index: Mapping[int, Identifier],
        *,
        list_id: str,
    ) -> None:
        super().__init__(client, collector, identifiers_by_index)
        self._list_id = list_id
        self.list_gone = False

    async def _look_up(self, field: str, values: tuple[str, ...]) -> None:
        result = await send_with_bisect(
            values,
            send=partial(self._request_chunk, field),
            is_list_gone=self._is_list_gone,
        )
        self.list_gone |= result.is_list_gone
        for refused in result.rejected:
            self._dead_letter((field, refused.item), refused)

    async def _request_chunk(self, field: str, values: tuple[str, ...]) -> FinalResult:
        request = consent_requests.get_list_members_by_address(
            field, values, list_id=self._list_id
        )
        answer = await fetch_all_pages(self._client, request)
        indices = (index for value in values for index in self._indices[field, value])
        self._collector.count_attempts(indices, attempts=answer.attempts)
        if not isinstance(answer, Accepted):
            return answer
        ids_by_value = match_profiles(field, values, resources(answer.data))
        if ids_by_value is None:
            return Rejected(status=answer.status, reason="ambiguous-lookup")
        self._ids_by_identifier |= {
            (field, value): ids for value, ids in ids_by_value.items()
        }
        return answer

    async def _is_list_gone(self) -> bool:
        return not await list_exists(self._client, self._list_id)
