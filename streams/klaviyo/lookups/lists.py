"""Lists of Klaviyo: search, creation, existence and members."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from streams.errors import EngineError
from streams.klaviyo.api import endpoints, requests
from streams.klaviyo.api.endpoints import DAILY_RETRY_AFTER_MIN_S, PAGE_MAX_ITEMS
from streams.klaviyo.api.pagination import (
    fetch_all_pages,
    iterate_pages,
    list_exists,
)
from streams.klaviyo.api.requests import KlaviyoApi, Request, build_request
from streams.klaviyo.api.responses import (
    resource_attributes,
    resource_id,
    resources,
    single_resource_id,
)
from streams.klaviyo.api.results import (
    Accepted,
    DailyQuotaExhausted,
    ListGone,
    ListNameRejected,
    NotFound,
    OperatorFault,
    Temporary,
    Throttled,
)
from streams.klaviyo.batching.items import (
    LOOKUP_FIELDS,
    list_identifiers,
)

PageProgress: TypeAlias = Callable[[int, int], None]
"""Callback after each page: number of pages and of members read so far."""


class ListMember(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Profile that is on a list.

    Attributes:
        profile_id: Klaviyo's id.
        external_id: User id; empty for a profile without a user id.
        email: Email address in lower case; may be empty.
        phone_number: E.164; may be empty.
    """

    profile_id: str
    external_id: str = ""
    email: str = ""
    phone_number: str = ""

    @property
    def identifiers(self) -> dict[str, str]:
        """Identifiers of the member, the most reliable first."""
        pairs = ((field, getattr(self, field)) for field in LOOKUP_FIELDS)
        return {field: value for field, value in pairs if value}


async def find_list(client: KlaviyoApi, name: str) -> str | None:
    """Return the id of the oldest list with exactly this name, if any.

    Raises:
        EngineError: Klaviyo rejects the search.
    """
    answer = await fetch_all_pages(client, requests.find_lists(name))
    if not isinstance(answer, Accepted):
        raise EngineError(f"lists cannot be searched: {answer.reason}")
    matches = (
        row for row in resources(answer.data) if _name(row) == name and resource_id(row)
    )
    oldest = min(
        ((_created(row), resource_id(row)) for row in matches), default=("", None)
    )
    return oldest[1]


async def create_list(
    client: KlaviyoApi, name: str
) -> str | DailyQuotaExhausted | ListNameRejected:
    """Create a list, and return the id or the reason for the failure.

    Names are not unique, so call `find_list` first. After a lost answer, the list is
    searched by name before anything is sent again, so each call creates one list.
    """
    request = requests.create_list(name)
    while True:
        answer = await client.attempt(request)
        match answer:
            case Accepted() if single_resource_id(answer.data):
                return single_resource_id(answer.data)
            case Throttled(retry_after_s=wait_s) if wait_s > DAILY_RETRY_AFTER_MIN_S:
                return DailyQuotaExhausted(retry_after_s=wait_s)
            case Accepted() | Temporary():
                existing_id = await find_list(client, name)
                if existing_id is not None:
                    return existing_id
            case Throttled() | OperatorFault():
                pass
            case rejection:
                return ListNameRejected(
                    reason=rejection.reason, status=rejection.status
                )


async def is_list_gone(client: KlaviyoApi, list_id: str) -> bool:
    """Return True if Klaviyo has no list with this id."""
    return not await list_exists(client, list_id)


async def read_list_members(
    client: KlaviyoApi, list_id: str, *, progress: PageProgress
) -> list[ListMember] | ListGone:
    """Read all members of a list, a hundred at a time, in the order of joining.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        progress: Called after each page.

    Raises:
        EngineError: Klaviyo rejects the request for the members.
    """
    members_by_id: dict[str, ListMember] = {}
    pages = 0
    async for answer in iterate_pages(client, get_all_list_members(list_id)):
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


def get_all_list_members(list_id: str) -> Request:
    """Build the request for all members of a list."""
    return build_request(
        endpoints.GET_LIST_PROFILES,
        resource_id=list_id,
        query=(
            ("fields[profile]", "email,phone_number,external_id"),
            ("page[size]", str(PAGE_MAX_ITEMS)),
        ),
    )


def _parse_members(document: Mapping[str, Any]) -> Iterator[ListMember]:
    for row in resources(document):
        identifiers = list_identifiers(resource_attributes(row), fields=LOOKUP_FIELDS)
        yield ListMember(profile_id=resource_id(row), **dict(identifiers))


def _name(row: Mapping[str, Any]) -> object:
    return resource_attributes(row).get("name")


def _created(row: Mapping[str, Any]) -> str:
    return str(resource_attributes(row).get("created") or "")
