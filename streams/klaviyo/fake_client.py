"""A Klaviyo that does whatever it is asked, without a network."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final

import orjson

from streams.klaviyo.api import endpoints
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.responses import resource_attributes, resources
from streams.klaviyo.api.results import Accepted
from streams.klaviyo.batching.items import (
    Identifier,
    list_identifiers,
    normalize_identifier,
)

ResponseData = dict[str, Any] | list[dict[str, Any]]

_ID_BYTES: Final = 8
"""Enough to tell the profiles of one line apart."""


class FakeKlaviyo:
    """Answers each request as an accommodating Klaviyo does.

    Everyone is found, and is on every list; every import completes at once. The same
    person has the same id in every run.

    Args:
        people: All identifiers of each person there is; who is in none of them is
            known by the identifier that is asked for.
    """

    def __init__(self, people: Iterable[Iterable[Identifier]] = ()) -> None:
        self._people = people

    async def call(self, request: Request) -> Accepted:
        """Do as asked."""
        responder = _RESPONDERS.get(request.endpoint.name)
        if responder is not None:
            data = responder(self, request)
            return Accepted(status=_success_status(request), data={"data": data})
        if request.method == "GET":
            return Accepted(status=200, data={"data": []})
        return Accepted(status=_success_status(request))

    async def attempt(self, request: Request) -> Accepted:
        """Do as asked."""
        return await self.call(request)

    async def back_off(self, *, failures: int) -> None:  # noqa: ARG002 - nothing fails
        """Let others run."""
        await asyncio.sleep(0)

    async def pause(self, wait_s: float) -> None:  # noqa: ARG002 - time stands still
        """Let others run."""
        await asyncio.sleep(0)

    @cached_property
    def _ids(self) -> dict[Identifier, str]:
        """Identifier → profile id; told apart when somebody is asked for at last."""
        ids: dict[Identifier, str] = {}
        for names in self._people:
            _profile_id(list(map(normalize_identifier, names)), ids)
        return ids

    def upserted_profile(self, request: Request) -> ResponseData:
        """Name the profile that was created or updated."""
        (profile,) = resources(orjson.loads(request.body))
        names = list(
            map(normalize_identifier, list_identifiers(resource_attributes(profile)))
        )
        return {"type": "profile", "id": _profile_id(names, self._ids)}

    def found_profiles(self, request: Request) -> ResponseData:
        """Name a profile for each value that is asked for."""
        field, values = _parse_any_filter(dict(request.query)["filter"])
        return [
            {
                "type": "profile",
                "id": _profile_id([normalize_identifier((field, value))], self._ids),
                "attributes": {field: value},
            }
            for value in values
        ]


def _profile_id(names: list[Identifier], ids: dict[Identifier, str]) -> str:
    """Give a person's id; the first name that is known decides."""
    known_id = next((ids[name] for name in names if name in ids), "")
    profile_id = known_id or _digest(names)
    for name in names:
        ids.setdefault(name, profile_id)
    return profile_id


def _success_status(request: Request) -> int:
    """Say what Klaviyo's OpenAPI has for success."""
    if request.method == "GET" or request.endpoint is endpoints.UPSERT_PROFILE:
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
    if request.method == "GET":
        return {"type": "list", "id": request.path.rpartition("/")[2]}
    return {"type": "list", "id": hashlib.blake2s(request.body).hexdigest()[:6]}


def _parse_any_filter(filter_text: str) -> tuple[str, list[str]]:
    """Read `any(field,["...","..."])`, as `requests.any_of` writes it."""
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


def _digest(names: list[Identifier]) -> str:
    encoded = repr(names[:1]).encode()
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
"""Operation → what its answer holds; the others' holds nothing."""
