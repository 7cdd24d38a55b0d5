"""Everyone on a list, with what names them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from streams.errors import EngineError
from streams.klaviyo import consent_requests
from streams.klaviyo.answers import Accepted, NotFound
from streams.klaviyo.caller import Caller
from streams.klaviyo.items import LOOKUP_FIELDS, folded, identifiers
from streams.klaviyo.pages import each_page
from streams.klaviyo.responses import attributes_of, id_of, resources
from streams.klaviyo.results import ListGone

Progress = Callable[[int, int], None]
"""Told of pages and members so far, after each page."""


class Member(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
        named = ((field, getattr(self, field)) for field in LOOKUP_FIELDS)
        return {field: value for field, value in named if value}


async def read_members(
    client: Caller, list_id: str, *, progress: Progress
) -> list[Member] | ListGone:
    """Read everyone on a list, a hundred at a time, in the order of joining.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        progress: Told after each page.

    Raises:
        EngineError: Klaviyo does not list them.
    """
    found: dict[str, Member] = {}
    pages = 0
    async for answer in each_page(client, consent_requests.members(list_id)):
        if isinstance(answer, NotFound):
            return ListGone(list_id=list_id)
        if not isinstance(answer, Accepted):
            raise EngineError(f"list {list_id} cannot be read: {answer.reason}")
        found |= {one.profile_id: one for one in _members(answer.data)}
        pages += 1
        progress(pages, len(found))
    return list(found.values())


def _members(document: Mapping[str, Any]) -> Iterator[Member]:
    for row in resources(document):
        named = identifiers(attributes_of(row), fields=LOOKUP_FIELDS)
        yield Member(profile_id=id_of(row), **dict(map(folded, named)))
