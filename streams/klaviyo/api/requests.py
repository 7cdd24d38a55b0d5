"""Requests to Klaviyo as plain values, built without a socket; protocol of clients."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol
from urllib.parse import quote, urlencode

import msgspec
import orjson

from streams.klaviyo.api import endpoints
from streams.klaviyo.api.endpoints import Endpoint
from streams.klaviyo.api.results import AttemptResult, FinalResult

_RUNNING_STATUSES = ("queued", "processing")
"""Statuses of import jobs that may still change a profile or a list."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """HTTP request to an endpoint of Klaviyo.

    Attributes:
        endpoint: Endpoint, with method, quota and limits.
        path: Path, percent-encoded.
        query: Parameters, not encoded.
        body: JSON body, or empty.
    """

    endpoint: Endpoint
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query as sent, with every parameter percent-encoded."""
        if not self.query:
            return self.path
        query = urlencode(self.query, quote_via=quote, safe="", errors="replace")
        return f"{self.path}?{query}"

    def with_cursor(self, cursor: str) -> "Request":
        """Return the same request for the page that begins at `cursor`."""
        other_parameters = (
            parameter for parameter in self.query if parameter[0] != "page[cursor]"
        )
        query = (*other_parameters, ("page[cursor]", cursor))
        return msgspec.structs.replace(self, query=query)


class KlaviyoApi(Protocol):
    """Client that sends requests as fast as the quotas allow.

    This is the one seam between operations and the network.
    """

    async def call(self, request: Request) -> FinalResult:
        """Send a request until Klaviyo gives a final response."""
        ...

    async def attempt(self, request: Request) -> AttemptResult:
        """Send a request once, after waiting at the rate limiter."""
        ...

    async def back_off(self, *, failures: int) -> None:
        """Wait for a random time that grows with consecutive failures."""
        ...

    async def pause(self, wait_s: float) -> None:
        """Wait the given number of seconds."""
        ...


percent_encode = partial(quote, safe="", errors="replace")
"""Percent-encodes a path segment or a parameter; invalid text becomes `?`."""


def filter_string(value: str) -> str:
    r"""Write a string of the filter language, in quotes, with `"` and `\` escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def any_filter(field: str, values: Iterable[str]) -> str:
    """Write the filter `any(field,["...","..."])`."""
    return f"any({field},[{','.join(map(filter_string, values))}])"


def profile_resource(profile: Mapping[str, object]) -> bytes:
    """Encode a profile as a JSON:API resource.

    Args:
        profile: Klaviyo's profile attributes, and `id` if available.

    Raises:
        TypeError: A value cannot be written as JSON.
    """
    attributes = {name: value for name, value in profile.items() if name != "id"}
    resource: dict[str, object] = {"type": "profile", "attributes": attributes}
    if profile.get("id"):
        resource["id"] = profile["id"]
    return orjson.dumps(resource)


def import_profiles(resources: Sequence[bytes], *, list_id: str = "") -> Request:
    """Build a request that creates or updates many profiles, and fills a list.

    Args:
        resources: Resources from `profile_resource`.
        list_id: Klaviyo's ID of the list; empty for no list.
    """
    segments = [
        b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[',
        b",".join(resources),
        b"]}}",
    ]
    if list_id:
        lists = {"lists": {"data": [{"type": "list", "id": list_id}]}}
        segments += [b',"relationships":', orjson.dumps(lists)]
    segments.append(b"}}")
    return build_request(endpoints.IMPORT_PROFILES, body=b"".join(segments))


def list_running_imports() -> Request:
    """Build a request for the import jobs that have not ended."""
    return build_request(
        endpoints.GET_IMPORT_JOBS,
        query=(
            ("filter", any_filter("status", _RUNNING_STATUSES)),
            ("fields[profile-bulk-import-job]", "status"),
            ("page[size]", str(endpoints.PAGE_MAX_ITEMS)),
        ),
    )


def list_latest_imports() -> Request:
    """Build a request for the latest import jobs, with results."""
    return build_request(
        endpoints.GET_IMPORT_JOBS,
        query=(
            ("sort", "-created_at"),
            ("fields[profile-bulk-import-job]", "status,failed_count"),
            ("page[size]", str(endpoints.PAGE_MAX_ITEMS)),
        ),
    )


def get_import_job(job_id: str) -> Request:
    """Build a request for a single import job."""
    fields = ("fields[profile-bulk-import-job]", "status,failed_count")
    return build_request(endpoints.GET_IMPORT_JOB, resource_id=job_id, query=(fields,))


def get_import_errors(job_id: str) -> Request:
    """Build a request for the errors of an import job."""
    page = ("page[size]", str(endpoints.PAGE_MAX_ITEMS))
    return build_request(endpoints.GET_IMPORT_ERRORS, resource_id=job_id, query=(page,))


def upsert_profile(resource: bytes) -> Request:
    """Build a request that creates or updates a single profile.

    Args:
        resource: Resource from `profile_resource`.
    """
    return build_request(
        endpoints.UPSERT_PROFILE,
        query=(("fields[profile]", "created"),),
        body=b'{"data":' + resource + b"}",
    )


def find_profiles(field: str, values: Iterable[str]) -> Request:
    """Build a request for the profiles with any of the given identifiers.

    Args:
        field: `external_id`, `email` or `phone_number`.
        values: At most `LOOKUP_MAX_VALUES`.
    """
    return build_request(
        endpoints.GET_PROFILES,
        query=(
            ("filter", any_filter(field, values)),
            ("fields[profile]", field if field == "email" else f"{field},email"),
            ("page[size]", str(endpoints.PAGE_MAX_ITEMS)),
        ),
    )


def find_consents(emails: Iterable[str]) -> Request:
    """Build a request for consent and custom properties of the owners of addresses.

    Args:
        emails: At most `LOOKUP_MAX_VALUES`.
    """
    return build_request(
        endpoints.GET_PROFILES,
        query=(
            ("filter", any_filter("email", emails)),
            ("additional-fields[profile]", "subscriptions"),
            ("fields[profile]", "email,subscriptions,properties"),
            ("page[size]", str(endpoints.PAGE_MAX_ITEMS)),
        ),
    )


def get_profile(profile_id: str) -> Request:
    """Build a request for a profile by Klaviyo's id."""
    return build_request(
        endpoints.GET_PROFILE,
        resource_id=profile_id,
        query=(("fields[profile]", "created"),),
    )


def merge_profiles(source: str, *, into: str) -> Request:
    """Build a request that merges a profile into another; irreversible.

    Args:
        source: Klaviyo's id of the profile that ends.
        into: Klaviyo's id of the profile that stays.
    """
    profiles = {"data": [{"type": "profile", "id": source}]}
    resource = {
        "type": "profile-merge",
        "id": into,
        "relationships": {"profiles": profiles},
    }
    return build_request(
        endpoints.MERGE_PROFILES, body=orjson.dumps({"data": resource})
    )


def change_members(
    endpoint: Endpoint, profile_ids: Iterable[str], *, list_id: str
) -> Request:
    """Build a request that adds profiles to a list or removes profiles.

    Args:
        endpoint: `ADD_MEMBERS` or `REMOVE_MEMBERS`.
        profile_ids: Klaviyo's ids, at most 1,000.
        list_id: Klaviyo's id of the list.
    """
    data = [{"type": "profile", "id": profile_id} for profile_id in profile_ids]
    return build_request(
        endpoint, resource_id=list_id, body=orjson.dumps({"data": data})
    )


def find_lists(name: str) -> Request:
    """Build a request for the lists with exactly the given name.

    OpenAPI allows only the list forms of `any` and `equals` for the field `name`.
    """
    return build_request(
        endpoints.GET_LISTS,
        query=(
            ("filter", any_filter("name", (name,))),
            ("fields[list]", "name,created"),
            ("sort", "created"),
            ("page[size]", str(endpoints.LISTS_PAGE_MAX_ITEMS)),
        ),
    )


def get_list(list_id: str) -> Request:
    """Build a request for a single list."""
    return build_request(
        endpoints.GET_LIST, resource_id=list_id, query=(("fields[list]", "name"),)
    )


def create_list(name: str) -> Request:
    """Build a request that creates a list with the account's default opt-in process."""
    data = {"type": "list", "attributes": {"name": name}}
    return build_request(endpoints.CREATE_LIST, body=orjson.dumps({"data": data}))


def build_request(
    endpoint: Endpoint,
    *,
    resource_id: str = "",
    query: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> Request:
    """Build a request to an endpoint, with the id of the resource in the path."""
    path = endpoint.path.replace("{id}", percent_encode(resource_id))
    return Request(endpoint=endpoint, path=path, query=query, body=body)
