"""Klaviyo clients for explanations: a fake without a network, and a recorder."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

import orjson

from streams.klaviyo.api import endpoints
from streams.klaviyo.api.import_jobs import ImportJobTracker
from streams.klaviyo.api.requests import KlaviyoApi, Request
from streams.klaviyo.api.responses import resource_attributes, resources
from streams.klaviyo.api.results import Accepted, AttemptResult, FinalResult
from streams.klaviyo.batching.items import (
    Identifier,
    list_identifiers,
    normalize_identifier,
)

ResponseData: TypeAlias = dict[str, Any] | list[dict[str, Any]]
"""Value of `data` in a response."""

_ID_BYTES: Final = 8
"""Bytes of a generated id: enough to distinguish the profiles of one batch."""


class FakeKlaviyo:
    """Client that answers each request with success, without a network.

    Every lookup finds a profile, every profile is on every list, and every import
    completes at once. The same person has the same id in every run.

    Args:
        people: All identifiers of each person; a person that is missing has only the
            identifier of the lookup.
    """

    def __init__(self, people: Iterable[Iterable[Identifier]] = ()) -> None:
        self._people = people

    async def call(self, request: Request) -> Accepted:
        """Answer a request with success."""
        responder = _RESPONDERS.get(request.endpoint.name)
        if responder is not None:
            data = responder(self, request)
            return Accepted(status=_success_status(request), data={"data": data})
        if request.endpoint.method == "GET":
            return Accepted(status=200, data={"data": []})
        return Accepted(status=_success_status(request))

    async def attempt(self, request: Request) -> Accepted:
        """Answer a request with success, as `call` does."""
        return await self.call(request)

    async def back_off(self, *, failures: int) -> None:  # noqa: ARG002 - no request fails
        """Return after other tasks have run."""
        await asyncio.sleep(0)

    async def pause(self, wait_s: float) -> None:  # noqa: ARG002 - time stands still
        """Return after other tasks have run."""
        await asyncio.sleep(0)

    @cached_property
    def _ids(self) -> dict[Identifier, str]:
        """Identifier -> profile id; built at the first lookup."""
        ids: dict[Identifier, str] = {}
        for identifiers in self._people:
            _profile_id(list(map(normalize_identifier, identifiers)), ids)
        return ids

    def upserted_profile(self, request: Request) -> ResponseData:
        """Return the profile that a request creates or updates."""
        (profile,) = resources(orjson.loads(request.body))
        identifiers = list_identifiers(resource_attributes(profile))
        return {"type": "profile", "id": _profile_id(identifiers, self._ids)}

    def found_profiles(self, request: Request) -> ResponseData:
        """Return a profile for each value of a lookup."""
        field, values = _parse_any_filter(dict(request.query)["filter"])
        return [
            {
                "type": "profile",
                "id": _profile_id([normalize_identifier((field, value))], self._ids),
                "attributes": {field: value},
            }
            for value in values
        ]


def _profile_id(identifiers: list[Identifier], ids: dict[Identifier, str]) -> str:
    """Return a person's id; the first identifier with an id decides."""
    known_ids = (ids[identifier] for identifier in identifiers if identifier in ids)
    profile_id = next(known_ids, "") or _digest(identifiers)
    for identifier in identifiers:
        ids.setdefault(identifier, profile_id)
    return profile_id


def _success_status(request: Request) -> int:
    """Return the status for success in Klaviyo's OpenAPI."""
    if request.endpoint.method == "GET" or request.endpoint is endpoints.UPSERT_PROFILE:
        return 200
    if request.endpoint is endpoints.CREATE_LIST:
        return 201
    members = request.endpoint in (endpoints.ADD_MEMBERS, endpoints.REMOVE_MEMBERS)
    return 204 if members else 202


def _import_job(_: FakeKlaviyo, request: Request) -> ResponseData:
    job_id = hashlib.blake2s(request.body, digest_size=_ID_BYTES).hexdigest()
    return {"type": "profile-bulk-import-job", "id": job_id}


def _completed_job(_: FakeKlaviyo, request: Request) -> ResponseData:
    return {
        "type": "profile-bulk-import-job",
        "id": request.path.rpartition("/")[2],
        "attributes": {"status": "complete", "failed_count": 0},
    }


def _list_resource(_: FakeKlaviyo, request: Request) -> ResponseData:
    if request.endpoint.method == "GET":
        return {"type": "list", "id": request.path.rpartition("/")[2]}
    return {"type": "list", "id": hashlib.blake2s(request.body).hexdigest()[:6]}


def _parse_any_filter(filter_text: str) -> tuple[str, list[str]]:
    """Parse `any(field,["...","..."])`, as `requests.any_filter` writes a filter."""
    field, _, quoted = filter_text.removeprefix("any(").removesuffix(")").partition(",")
    return field, _quoted_values(quoted)


def _quoted_values(text: str) -> list[str]:
    values, current, escaped, in_quotes = [], "", False, False
    for char in text:
        if escaped:
            current, escaped = current + char, False
        elif char == "\\":
            escaped = True
        elif char == '"':
            if in_quotes:
                values.append(current)
            current, in_quotes = "", not in_quotes
        elif in_quotes:
            current += char
    return values


def _digest(identifiers: list[Identifier]) -> str:
    encoded = repr(identifiers[:1]).encode()
    return hashlib.blake2s(encoded, digest_size=_ID_BYTES).hexdigest()


_RESPONDERS: Final[Mapping[str, Callable[[FakeKlaviyo, Request], ResponseData]]] = {
    endpoints.IMPORT_PROFILES.name: _import_job,
    endpoints.GET_IMPORT_JOB.name: _completed_job,
    endpoints.UPSERT_PROFILE.name: FakeKlaviyo.upserted_profile,
    endpoints.GET_PROFILES.name: FakeKlaviyo.found_profiles,
    endpoints.GET_LIST_PROFILES.name: FakeKlaviyo.found_profiles,
    endpoints.GET_LIST.name: _list_resource,
    endpoints.CREATE_LIST.name: _list_resource,
}
"""Name of an endpoint -> data of its response; other responses have no data."""


class RecordingClient:
    """Client that keeps all requests and passes each to another client.

    Args:
        client: Sends the requests.

    Attributes:
        requests: Requests so far, in order; a retry inside `call` is not recorded.
        jobs: Tracker of import jobs.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client
        self.requests: list[Request] = []
        self.jobs = ImportJobTracker(self)

    async def call(self, request: Request) -> FinalResult:
        """Send a request until Klaviyo settles the request."""
        self.requests.append(request)
        return await self._client.call(request)

    async def attempt(self, request: Request) -> AttemptResult:
        """Send a request exactly once."""
        self.requests.append(request)
        return await self._client.attempt(request)

    async def back_off(self, *, failures: int) -> None:
        """Wait after this many failures in a row."""
        await self._client.back_off(failures=failures)

    async def pause(self, wait_s: float) -> None:
        """Wait for this many seconds."""
        await self._client.pause(wait_s)
