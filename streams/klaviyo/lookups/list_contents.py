"""Everyone on a list, with what names them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from streams.errors import EngineError
from streams.klaviyo.api.pagination import iterate_pages
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.responses import resource_attributes, resource_id, resources
from streams.klaviyo.api.results import Accepted, ListGone, NotFound
from streams.klaviyo.batching.items import (
    LOOKUP_FIELDS,
    list_identifiers,
    normalize_identifier,
)
from streams.klaviyo.payloads import consent_requests

PageProgress = Callable[[int, int], None]
"""Told of pages and members so far, after each page."""


class ListMember(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One profile on a list.

    Attributes:
        profile_id: Klaviyo's id.
        external_id: The user id, where the profile has one.
        email: In lower case, where it has one.
        phone_number: E.164, where it has one.
    """

    profile_id: str
    external_id: str = ""
    email: str = ""
    phone_number: str = ""

    @property
    def identifiers(self) -> dict[str, str]:
        """What names it, the most telling first."""
        pairs = ((field, getattr(self, field)) for field in LOOKUP_FIELDS)
        return {field: value for field, value in pairs if value}


async def read_list_members(
    client: KlaviyoApi, list_id: str, *, progress: PageProgress
) -> list[ListMember] | ListGone:
    """Read everyone on a list, a hundred at a time, in the order of joining.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        progress: Told after each page.

    Raises:
        EngineError: Klaviyo does not list them.
    """
    members_by_id: dict[str, ListMember] = {}
    pages = 0
    async for answer in iterate_pages(
        client, consent_requests.get_all_list_members(list_id)
    ):
        if isinstance(answer, NotFound):
            return ListGone(list_id=list_id)
        if not isinstance(answer, Accepted):
            raise EngineError(f"list {list_id} cannot be read: {answer.reason}")
        members_by_id |= {
            member.profile_id: member for member in _parse_members(answer.data)
        }
        pages += 1
        progress(pages, len(members_by_id))
    return list(members_by_id.values())


def _parse_members(document: Mapping[str, Any]) -> Iterator[ListMember]:
    for row in resources(document):
        present = list_identifiers(resource_attributes(row), fields=LOOKUP_FIELDS)
        yield ListMember(
            profile_id=resource_id(row), **dict(map(normalize_identifier, present))
        )
