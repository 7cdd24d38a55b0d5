"""Lookup of Klaviyo profile ids by identifier, a hundred at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from streams.chunks import chunk_by_weight
from streams.errors import EngineError
from streams.klaviyo.api import requests
from streams.klaviyo.api.endpoints import LOOKUP_MAX_VALUES, URL_MAX_BYTES
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.requests import KlaviyoApi, Request
from streams.klaviyo.api.responses import resource_attributes, resource_id, resources
from streams.klaviyo.api.results import Accepted, FinalResult, Rejected
from streams.klaviyo.batching.items import (
    LOOKUP_FIELDS,
    Identifier,
    ProfileItem,
    RejectedItem,
    VerdictCollector,
    list_identifiers,
    no_list_check,
    normalize_identifier,
    send_with_bisect,
)

ProfileIds: TypeAlias = dict[int, list[str]]
"""Index of an item -> the Klaviyo ids of its profile; usually a single id."""

ProfileRow: TypeAlias = Mapping[str, Any]
"""Profile resource in a response."""

BuildLookup: TypeAlias = Callable[[str, tuple[str, ...]], Request]
"""Function that builds the request for a field and its values."""

BAD_REQUEST = 400
"""HTTP status for a request that holds a value Klaviyo rejects."""

_VALUES_MAX_BYTES = URL_MAX_BYTES - len(
    requests.find_profiles("phone_number", ()).target
)
"""Bytes that the longest request target leaves for the values."""


async def find_profile_ids(
    client: KlaviyoApi, items: Iterable[ProfileItem], *, collector: VerdictCollector
) -> ProfileIds:
    """Find the Klaviyo ids of profiles.

    Each profile is looked up by external id, then by email; the next identifier is used
    only where the previous identifier finds no profile, or a profile with another
    address: the person then has two profiles. A phone number, which several people may
    share, counts only where it is the only identifier.

    Args:
        client: Sends the requests.
        items: The profiles.
        collector: Counts requests; an identifier that Klaviyo rejects makes a dead
            letter.

    Returns:
        The ids of the profiles with a match. An item that is missing is a dead letter
        already, or has no profile.
    """
    profile_ids: ProfileIds = {}
    remaining = {item.index: _lookup_identifiers(item) for item in items}
    while remaining := {
        index: identifiers for index, identifiers in remaining.items() if identifiers
    }:
        lookup = ProfileLookup(
            client, collector, {index: remaining[index].pop(0) for index in remaining}
        )
        await lookup.run()
        for index, ids in lookup.profile_ids().items():
            profile_ids[index] = profile_ids.get(index, []) + ids
        for index in lookup.settled_indices():
            emails = [value for field, value in remaining[index] if field == "email"]
            if not emails or not lookup.has_other_email(index, emails[0]):
                del remaining[index]
    return profile_ids


async def users_with_profile(client: KlaviyoApi, users: Sequence[str]) -> set[str]:
    """Return the user ids that have a profile in Klaviyo.

    Args:
        client: Sends the requests, a hundred ids in each.
        users: User ids; an id that Klaviyo rejects has no profile.

    Raises:
        EngineError: Klaviyo does not answer the lookup.
    """
    identifiers = {index: ("external_id", user) for index, user in enumerate(users)}
    collector = VerdictCollector(len(users))
    lookup = ProfileLookup(_RaisingClient(client), collector, identifiers)
    await lookup.run()
    return {users[index] for index in lookup.profile_ids()}


class _RaisingClient(FailFastClient):
    """Client that raises where Klaviyo rejects a lookup for a reason beside the ids.

    Bisecting such a lookup would fail for each id alike.
    """

    async def call(self, request: Request) -> FinalResult:
        """Send a request until Klaviyo settles the request."""
        answer = await super().call(request)
        if isinstance(answer, Rejected) and answer.status != BAD_REQUEST:
            raise EngineError(f"profiles cannot be looked up: {answer.reason}")
        return answer


class ProfileLookup:
    """Lookup of items by a single identifier each.

    Args:
        client: Sends the requests.
        collector: Counts requests, and receives the dead letters.
        identifiers_by_index: Index of an item -> identifier to look up.
        build_request: Builds the request for a field and its values.
        is_list_gone: Reports whether the searched list has been deleted; for lookups
            among the members of a list.

    Attributes:
        list_gone: True if the searched list has been deleted; there are no ids then.
    """

    def __init__(
        self,
        client: KlaviyoApi,
        collector: VerdictCollector,
        identifiers_by_index: Mapping[int, Identifier],
        *,
        build_request: BuildLookup = requests.find_profiles,
        is_list_gone: Callable[[], Awaitable[bool]] = no_list_check,
    ) -> None:
        self._client = client
        self._collector = collector
        self._build_request = build_request
        self._is_list_gone = is_list_gone
        self._indices: dict[Identifier, list[int]] = defaultdict(list)
        for index, identifier in identifiers_by_index.items():
            self._indices[identifier].append(index)
        self._ids_by_identifier: dict[Identifier, list[str]] = {}
        self._emails: dict[str, str] = {}
        self._rejected: set[Identifier] = set()
        self.list_gone = False

    async def run(self) -> None:
        """Look up all identifiers, with separate requests for each field."""
        by_field: dict[str, list[str]] = defaultdict(list)
        for field, value in self._indices:
            by_field[field].append(value)
        await asyncio.gather(
            *(
                self._look_up(field, values)
                for field, all_values in by_field.items()
                for values in chunk_values(all_values)
            )
        )

    def profile_ids(self) -> ProfileIds:
        """Return the profile ids of the items that have a match."""
        return {
            index: ids
            for identifier, ids in self._ids_by_identifier.items()
            for index in self._indices[identifier]
        }

    def has_other_email(self, index: int, email: str) -> bool:
        """Return True if a profile of an item has another address than this."""
        ids = self.profile_ids().get(index, ())
        return any(self._emails.get(profile_id, email) != email for profile_id in ids)

    def settled_indices(self) -> list[int]:
        """Return the indices of the items that need no further identifier."""
        settled = [*self._ids_by_identifier, *self._rejected]
        return [index for identifier in settled for index in self._indices[identifier]]

    async def _look_up(self, field: str, values: tuple[str, ...]) -> None:
        result = await send_with_bisect(
            values,
            send=partial(self._request_chunk, field),
            is_list_gone=self._is_list_gone,
        )
        self.list_gone |= result.is_list_gone
        for rejected in result.rejected:
            self._dead_letter((field, rejected.item), rejected)

    async def _request_chunk(self, field: str, values: tuple[str, ...]) -> FinalResult:
        answer = await fetch_all_pages(self._client, self._build_request(field, values))
        indices = (index for value in values for index in self._indices[field, value])
        self._collector.count_attempts(indices, attempts=answer.attempts)
        if not isinstance(answer, Accepted):
            return answer
        rows = resources(answer.data)
        for row in rows:
            if email := resource_attributes(row).get("email"):
                self._emails[resource_id(row)] = str(email).lower()
        ids_by_value = match_profiles(field, values, rows)
        if ids_by_value is None:
            return Rejected(status=answer.status, reason="ambiguous-lookup")
        self._ids_by_identifier |= {
            (field, value): ids for value, ids in ids_by_value.items()
        }
        return answer

    def _dead_letter(self, identifier: Identifier, rejected: RejectedItem[str]) -> None:
        self._rejected.add(identifier)
        reason = f"{rejected.reason} ({identifier[0]})"
        for index in self._indices[identifier]:
            self._collector.mark_dead_letter(index, reason, status=rejected.status)


def match_profiles(
    field: str, values: Sequence[str], rows: Iterable[ProfileRow]
) -> dict[str, list[str]] | None:
    """Match profiles with the values of a lookup.

    Args:
        field: Field of the identifier.
        values: Values in the request.
        rows: Profiles in the response.

    Returns:
        Ids by value; None where a profile matches no value, so that its value is not
        clear. A single profile for a single value matches even where Klaviyo writes the
        identifier differently.
    """
    profiles = list(rows)
    if len(profiles) == len(values) == 1:
        return {values[0]: [resource_id(profiles[0])]}
    ids_by_value: dict[str, list[str]] = {value: [] for value in values}
    for profile in profiles:
        _, value = normalize_identifier(
            (field, str(resource_attributes(profile).get(field)))
        )
        if value not in ids_by_value:
            return None
        ids_by_value[value].append(resource_id(profile))
    return {value: ids for value, ids in ids_by_value.items() if ids}


def _lookup_identifiers(item: ProfileItem) -> list[Identifier]:
    identifiers = list_identifiers(item.profile, fields=LOOKUP_FIELDS)
    if len(identifiers) > 1:
        identifiers = [found for found in identifiers if found[0] != "phone_number"]
    return identifiers


def chunk_values(
    values: list[str], *, max_bytes: int = _VALUES_MAX_BYTES
) -> list[tuple[str, ...]]:
    """Split the values of a lookup into the values of each request.

    Args:
        values: Values to look up.
        max_bytes: Bytes that the request target leaves for the values.
    """
    return chunk_by_weight(
        values,
        count_max=LOOKUP_MAX_VALUES,
        weight=lambda value: len(
            requests.percent_encode(requests.filter_string(value) + ",")
        ),
        weight_max=max_bytes,
    )
