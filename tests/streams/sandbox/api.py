"""Small HTTP client for the tests of the sandbox: raw requests, raw responses."""

from dataclasses import dataclass
from io import BytesIO
from types import TracebackType
from typing import Any, Self, TypeAlias

import aiohttp
import orjson
import pytest

Body: TypeAlias = dict[str, Any]

HEADERS = {"Authorization": "Klaviyo-API-Key a-key", "revision": "2026-07-15"}
"""What every request must have."""

WRONG_REQUEST = pytest.mark.wrong_request(
    "that the sandbox refuses it is what is tested"
)
"""Marks a case, not a test of many: the judge excuses nothing that is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResult:
    """One response of the sandbox.

    Attributes:
        status: HTTP status.
        headers: Headers of the response.
        body: JSON document; empty if there is none.
    """

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def error(self) -> Body:
        """Return the first JSON:API error."""
        first: Body = self.body["errors"][0]
        return first

    @property
    def pointers(self) -> list[str]:
        """Return the pointers of all errors."""
        return [error["source"].get("pointer") for error in self.body["errors"]]

    @property
    def ids(self) -> list[str]:
        """Return the ids of the resources in `data`."""
        return [resource["id"] for resource in self.body["data"]]


class SandboxApi:
    """HTTP client of one sandbox.

    Args:
        url: Address of the sandbox.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = aiohttp.ClientSession(headers=HEADERS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def get(self, path: str, **query: str) -> ApiResult:
        """Send a GET request; parameter `page__size` is sent as `page[size]`."""
        params = {
            name.replace("__", "[") + "]" * ("__" in name): value
            for name, value in query.items()
        }
        return await self.call("GET", path, params=params)

    async def post(self, path: str, body: object = None) -> ApiResult:
        """Send a POST request with a JSON body."""
        return await self.call("POST", path, body=body)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> ApiResult:
        """Send one request; the given headers override the usual headers."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        async with self._session.request(
            method,
            path if path.startswith("http") else self.url + path,
            data=None if body is None else BytesIO(raw),
            params=params,
            headers=headers,
        ) as response:
            text = await response.read()
            is_json = "json" in response.content_type and bool(text)
            return ApiResult(
                status=response.status,
                headers=dict(response.headers),
                body=orjson.loads(text) if is_json else text.decode(),
            )

    async def pages(self, path: str, **query: str) -> list[ApiResult]:
        """Send a GET request, and follow `links.next` to the last page."""
        results = [await self.get(path, **query)]
        while results[-1].body["links"]["next"]:
            results.append(await self.call("GET", results[-1].body["links"]["next"]))
        return results

    async def create_profile(self, **attributes: object) -> str:
        """Create a profile and return the id."""
        result = await self.post("/api/profiles", data("profile", attributes))
        created: str = result.body["data"]["id"]
        return created

    async def create_list(self, name: str, **attributes: object) -> str:
        """Create a list and return the id."""
        result = await self.post(
            "/api/lists", data("list", {"name": name, **attributes})
        )
        created: str = result.body["data"]["id"]
        return created


class ManualClock:
    """Clock that the test moves.

    Attributes:
        now_s: Current time, in seconds since the epoch.
    """

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


def data(kind: str, attributes: Body | None = None, **members: object) -> Body:
    """Return a request body with one resource."""
    attributes_member = {} if attributes is None else {"attributes": attributes}
    return {"data": {"type": kind, **attributes_member, **members}}


def ids(kind: str, *names: str) -> Body:
    """Return a request body with resource identifiers."""
    return {"data": [{"type": kind, "id": name} for name in names]}


def import_job(*profiles: Body, lists: tuple[str, ...] = ()) -> Body:
    """Return the body of a bulk import of profile attributes."""
    items = [{"type": "profile", "attributes": attributes} for attributes in profiles]
    job = data("profile-bulk-import-job", {"profiles": {"data": items}})
    if lists:
        job["data"]["relationships"] = {"lists": ids("list", *lists)}
    return job
