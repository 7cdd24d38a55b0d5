"""A Klaviyo that does whatever it is asked, without a network."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final

import orjson

from streams.klaviyo import lane_quotas, quotas
from streams.klaviyo.answers import Accepted
from streams.klaviyo.items import Identifier, folded, identifiers
from streams.klaviyo.requests import Request
from streams.klaviyo.responses import attributes_of, resources

Data = dict[str, Any] | list[dict[str, Any]]

_ID_BYTES: Final = 8
"""Enough to tell the profiles of one line apart."""


class DryKlaviyo:
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
        answer = _ANSWERS.get(request.endpoint.name)
        if answer is not None:
            data = answer(self, request)
            return Accepted(status=_status(request), data={"data": data})
        if request.method == "GET":
            return Accepted(status=200, data={"data": []})
        return Accepted(status=_status(request))

    async def attempt(self, request: Request) -> Accepted:
        """Do as asked."""
        return await self.call(request)

    async def rest(self, *, failures: int) -> None:  # noqa: ARG002 - nothing fails
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
            _id_of(list(map(folded, names)), ids)
        return ids

    def upserted(self, request: Request) -> Data:
        """Name the profile that was created or updated."""
        (profile,) = resources(orjson.loads(request.body))
        names = list(map(folded, identifiers(attributes_of(profile))))
        return {"type": "profile", "id": _id_of(names, self._ids)}

    def found(self, request: Request) -> Data:
        """Name a profile for each value that is asked for."""
        field, values = _asked(dict(request.query)["filter"])
        return [
            {
                "type": "profile",
                "id": _id_of([folded((field, value))], self._ids),
                "attributes": {field: value},
            }
            for value in values
        ]


def _id_of(names: list[Identifier], ids: dict[Identifier, str]) -> str:
    """Give a person's id; the first name that is known decides."""
    known = next((ids[name] for name in names if name in ids), "")
    found = known or _digest(names)
    for name in names:
        ids.setdefault(name, found)
    return found


def _status(request: Request) -> int:
    """Say what Klaviyo's OpenAPI has for success."""
    if request.method == "GET" or request.endpoint is quotas.UPSERT_PROFILE:
        return 200
    if request.endpoint is quotas.CREATE_LIST:
        return 201
    members = request.endpoint in (quotas.ADD_MEMBERS, quotas.REMOVE_MEMBERS)
    return 204 if members else 202


def _job(_: DryKlaviyo, request: Request) -> Data:
    job_id = hashlib.blake2s(request.body, digest_size=_ID_BYTES).hexdigest()
    return {"type": "profile-bulk-import-job", "id": job_id}


def _complete(_: DryKlaviyo, request: Request) -> Data:
    return {
        "type": "profile-bulk-import-job",
        "id": request.path.rpartition("/")[2],
        "attributes": {"status": "complete", "failed_count": 0},
    }


def _list(_: DryKlaviyo, request: Request) -> Data:
    if request.method == "GET":
        return {"type": "list", "id": request.path.rpartition("/")[2]}
    return {"type": "list", "id": hashlib.blake2s(request.body).hexdigest()[:6]}


def _asked(text: str) -> tuple[str, list[str]]:
    """Read `any(field,["...","..."])`, as `requests.any_of` writes it."""
    field, _, listed = text.removeprefix("any(").removesuffix(")").partition(",")
    return field, _values(listed)


def _values(listed: str) -> list[str]:
    found, here, escaped, inside = [], "", False, False
    for char in listed:
        if escaped:
            here, escaped = here + char, False
        elif char == "\\":
            escaped = True
        elif char == '"':
            if inside:
                found.append(here)
            here, inside = "", not inside
        elif inside:
            here += char
    return found


def _digest(names: list[Identifier]) -> str:
    told = repr(names[:1]).encode()
    return hashlib.blake2s(told, digest_size=_ID_BYTES).hexdigest()


_ANSWERS: Final[Mapping[str, Callable[[DryKlaviyo, Request], Data]]] = {
    quotas.IMPORT_PROFILES.name: _job,
    quotas.GET_IMPORT_JOB.name: _complete,
    quotas.UPSERT_PROFILE.name: DryKlaviyo.upserted,
    quotas.GET_PROFILES.name: DryKlaviyo.found,
    lane_quotas.GET_LIST_PROFILES.name: DryKlaviyo.found,
    quotas.GET_LIST.name: _list,
    quotas.CREATE_LIST.name: _list,
}
"""Operation → what its answer holds; the others' holds nothing."""
