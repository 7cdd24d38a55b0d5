"""Lookup of list members by address."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TypeAlias

from streams.klaviyo.api import endpoints
from streams.klaviyo.api.endpoints import PAGE_MAX_ITEMS
from streams.klaviyo.api.requests import KlaviyoApi, Request, any_filter, build_request
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.batching.items import (
    Identifier,
    VerdictCollector,
    normalize_identifier,
)
from streams.klaviyo.lookups.lists import is_list_gone
from streams.klaviyo.lookups.profile_lookup import ProfileLookup

MemberIds: TypeAlias = dict[int, dict[str, str]]
"""Index of an item -> field of an address that a member has -> the member's id."""

AddressesByItem: TypeAlias = Mapping[int, Mapping[str, str]]
"""Index of an item -> its addresses by field."""


async def find_list_members(
    client: KlaviyoApi,
    addresses_by_index: AddressesByItem,
    *,
    list_id: str,
    collector: VerdictCollector,
) -> MemberIds | ListGone:
    """Find the members of a list by address, a hundred at a time.

    Args:
        client: Sends the requests, separate requests for emails and phone numbers.
        addresses_by_index: Addresses to look up.
        list_id: Klaviyo's id of the list.
        collector: Counts requests; an address that Klaviyo rejects makes a dead letter.
    """
    by_field: dict[str, dict[int, Identifier]] = defaultdict(dict)
    for index, addresses in addresses_by_index.items():
        for field, value in addresses.items():
            by_field[field][index] = normalize_identifier((field, value))
    lookups = {
        field: ProfileLookup(
            client,
            collector,
            identifiers,
            build_request=partial(get_list_members_by_address, list_id=list_id),
            is_list_gone=partial(is_list_gone, client, list_id),
        )
        for field, identifiers in by_field.items()
    }
    await asyncio.gather(*(lookup.run() for lookup in lookups.values()))
    if any(lookup.list_gone for lookup in lookups.values()):
        return ListGone(list_id=list_id)
    member_ids: MemberIds = defaultdict(dict)
    for field, lookup in lookups.items():
        for index, ids in lookup.profile_ids().items():
            member_ids[index][field] = ids[0]
    return member_ids


def get_list_members_by_address(
    field: str, values: Iterable[str], *, list_id: str
) -> Request:
    """Build the request for the members of a list with any of the addresses.

    Args:
        field: `email` or `phone_number`.
        values: At most `LOOKUP_MAX_VALUES` addresses.
        list_id: Klaviyo's id of the list.
    """
    return build_request(
        endpoints.GET_LIST_PROFILES,
        resource_id=list_id,
        query=(
            ("filter", any_filter(field, values)),
            ("fields[profile]", field),
            ("page[size]", str(PAGE_MAX_ITEMS)),
        ),
    )
