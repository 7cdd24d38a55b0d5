"""Profile ids found by identifier, a hundred at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from streams.chunks import chunk_by_weight
from streams.errors import EngineError
from streams.klaviyo.api import requests
from streams.klaviyo.api.client import FailFastClient
from streams.klaviyo.api.endpoints import LOOKUP_MAX_VALUES, URL_MAX_BYTES
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.responses import resource_attributes, resource_id, resources
from streams.klaviyo.api.results import Accepted, FinalResult, Rejected
from streams.klaviyo.batching.bisect import RejectedItem, send_with_bisect
from streams.klaviyo.batching.items import (
    LOOKUP_FIELDS,
    Identifier,
    ProfileItem,
    list_identifiers,
    normalize_identifier,
)
from streams.klaviyo.batching.verdicts import VerdictCollector

ProfileIds = dict[int, list[str]]
"""Place of an item → the Klaviyo ids of its profile; usually one."""

ProfileRow = Mapping[str, Any]
"""One profile of an answer."""

BAD_REQUEST = 400

_VALUES_MAX_BYTES = URL_MAX_BYTES - len(
    requests.find_profiles("phone_number", ()).target
)
"""What the longest target leaves for the values."""


async def find_profile_ids(
    client: KlaviyoApi, items: Iterable[ProfileItem], *, collector: VerdictCollector
) -> ProfileIds:
    """Find the Klaviyo ids of profiles.

    Each is looked up by its external id, then its email, then its phone number; by the
    next only when the one before finds nothing.

    Args:
        client: Sends the requests.
        items: The profiles.
        collector: Counts requests; an identifier Klaviyo refuses makes a dead letter.

    Returns:
        The ids of those that were found. The others are dead letters already, or have
        no profile.
    """
    profile_ids: ProfileIds = {}
    remaining = {item.index: _lookup_identifiers(item) for item in items}
    while remaining := {index: names for index, names in remaining.items() if names}:
        lookup = ProfileLookup(
            client, collector, {index: remaining[index].pop(0) for index in remaining}
        )
        await lookup.run()
        profile_ids |= lookup.profile_ids()
        for index in lookup.settled_indices():
            del remaining[index]
    return profile_ids


async def users_with_profile(client: KlaviyoApi, users: Sequence[str]) -> set[str]:
    """Say which user ids Klaviyo has a profile of.

    Args:
        client: Sends the requests, a hundred ids in each.
        users: User ids; one that Klaviyo refuses has no profile.

    Raises:
        EngineError: Klaviyo does not say.
    """
    identifiers_by_index = {
        index: ("external_id", user) for index, user in enumerate(users)
    }
    lookup = ProfileLookup(
        _RaisingClient(client), VerdictCollector(len(users)), identifiers_by_index
    )
    await lookup.run()
    return {users[index] for index in lookup.profile_ids()}


class _RaisingClient(FailFastClient):
    """Raises where Klaviyo says nothing of the ids: apart, each would fail alike."""

    async def call(self, request: Request) -> FinalResult:
        """Send until Klaviyo settles it."""
        answer = await super().call(request)
        if isinstance(answer, Rejected) and answer.status != BAD_REQUEST:
            raise EngineError(f"profiles cannot be looked up: {answer.reason}")
        return answer


class ProfileLookup:
    """One pass: every item by one identifier.

    Args:
        client: Sends the requests.
        collector: Counts them, and takes the dead letters.
        identifiers_by_index: Place of an item → what to look it up by.
    """

    def __init__(
        self,
        client: KlaviyoApi,
        collector: VerdictCollector,
        identifiers_by_index: Mapping[int, Identifier],
    ) -> None:
        self._client = client
        self._collector = collector
        self._indices: dict[Identifier, list[int]] = defaultdict(list)
        for index, identifier in identifiers_by_index.items():
            self._indices[identifier].append(index)
        self._ids_by_identifier: dict[Identifier, list[str]] = {}
        self._refused: set[Identifier] = set()

    async def run(self) -> None:
        """Ask for all of them."""
        by_field: dict[str, list[str]] = defaultdict(list)
        for field, value in self._indices:
            by_field[field].append(value)
        await asyncio.gather(
            *(
                self._look_up(field, values)
                for field, all_values in by_field.items()
                for values in _chunks(all_values)
            )
        )

    def profile_ids(self) -> ProfileIds:
        """List the ids of the items that were found."""
        return {
            index: ids
            for identifier, ids in self._ids_by_identifier.items()
            for index in self._indices[identifier]
        }

    def settled_indices(self) -> list[int]:
        """List the items that need no further identifier."""
        settled = [*self._ids_by_identifier, *self._refused]
        return [index for identifier in settled for index in self._indices[identifier]]

    async def _look_up(self, field: str, values: tuple[str, ...]) -> None:
        result = await send_with_bisect(
            values, send=partial(self._request_chunk, field)
        )
        for refused in result.rejected:
            self._dead_letter((field, refused.item), refused)

    async def _request_chunk(self, field: str, values: tuple[str, ...]) -> FinalResult:
        answer = await fetch_all_pages(
            self._client, requests.find_profiles(field, values)
        )
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

    def _dead_letter(self, identifier: Identifier, refused: RejectedItem[str]) -> None:
        self._refused.add(identifier)
        reason = f"{refused.reason} ({identifier[0]})"
        for index in self._indices[identifier]:
            self._collector.mark_dead_letter(index, reason, status=refused.status)


def match_profiles(
    field: str, values: Sequence[str], profiles: Iterable[ProfileRow]
) -> dict[str, list[str]] | None:
    """Match profiles with the values they were looked up by.

    Args:
        field: The identifier's field.
        values: The values.
        profiles: The profiles of the answer.

    Returns:
        Ids by value; None when a profile matches no value and it is not clear whose it
        is. The only profile found for the only value is the one, however Klaviyo
        writes its identifier.
    """
    profiles = list(profiles)
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
    return [
        normalize_identifier(name)
        for name in list_identifiers(item.profile, fields=LOOKUP_FIELDS)
    ]


def _chunks(values: list[str]) -> list[tuple[str, ...]]:
    return chunk_by_weight(
        values,
        count_max=LOOKUP_MAX_VALUES,
        weight=lambda value: len(
            requests.percent_encode(requests.filter_string(value) + ",")
        ),
        weight_max=_VALUES_MAX_BYTES,
    )
