"""Requests about consent, suppression and deletion."""

from collections.abc import Iterable, Mapping, Sequence

import orjson

from streams.klaviyo.api import endpoints
from streams.klaviyo.api.endpoints import PAGE_MAX_ITEMS, Endpoint
from streams.klaviyo.api.requests import Request, any_filter, percent_encode
from streams.klaviyo.payloads.consent_items import Channel, PushToken


def consent_resource(
    identity: Mapping[str, str],
    channels: Iterable[Channel],
    *,
    consent: Mapping[str, str],
    push_tokens: Sequence[PushToken] = (),
    anonymous_id: str = "",
) -> bytes:
    """Encode what one profile says.

    Args:
        identity: `email`, `phone_number`, and Klaviyo's `id` where it is known.
        channels: What it is about.
        consent: What is said of each: `consent`, and `consented_at` where it belongs.
        push_tokens: Devices, sent with the push channel.
        anonymous_id: Who has them, sent with the push channel.

    Raises:
        TypeError: It holds what JSON cannot.
    """
    subscriptions: dict[str, dict[str, object]] = {}
    for channel in sorted(channels):
        medium, _, purpose = channel.partition(".")
        subscriptions.setdefault(medium, {})[purpose] = consent
    if Channel.PUSH in channels and push_tokens:
        subscriptions["push"]["tokens"] = list(push_tokens)
    if Channel.PUSH in channels and anonymous_id:
        subscriptions["push"]["anonymous_id"] = anonymous_id
    addresses = {name: value for name, value in identity.items() if name != "id"}
    attributes = {**addresses, "subscriptions": subscriptions}
    resource = {"type": "profile", "attributes": attributes}
    if "id" in identity:
        resource["id"] = identity["id"]
    return orjson.dumps(resource)


def subscribe_profiles(
    resources: Iterable[bytes],
    *,
    list_id: str = "",
    custom_source: str = "",
    historical_import: bool = False,
) -> Request:
    """Subscribe at most 1,000 profiles, to a list when one is named."""
    attributes: dict[str, object] = {}
    if custom_source:
        attributes["custom_source"] = custom_source
    if historical_import:
        attributes["historical_import"] = True
    return _bulk_job(
        endpoints.SUBSCRIBE, resources, list_id=list_id, attributes=attributes
    )


def unsubscribe_profiles(resources: Iterable[bytes], *, list_id: str = "") -> Request:
    """Unsubscribe at most 100 profiles; globally who is not on the list."""
    return _bulk_job(endpoints.UNSUBSCRIBE, resources, list_id=list_id)


def suppression_resource(email: str) -> bytes:
    """Encode one address to suppress, or to suppress no longer."""
    return orjson.dumps({"type": "profile", "attributes": {"email": email}})


def suppress_profiles(resources: Iterable[bytes]) -> Request:
    """Suppress at most 100 addresses."""
    return _bulk_job(endpoints.SUPPRESS, resources)


def unsuppress_profiles(resources: Iterable[bytes]) -> Request:
    """Suppress at most 100 addresses no longer, where that was done by hand."""
    return _bulk_job(endpoints.UNSUPPRESS, resources)


def deletion_resource(field: str, value: str) -> bytes:
    """Encode one profile to delete.

    Args:
        field: `id`, `email` or `phone_number`.
        value: Klaviyo's id, or the address.
    """
    if field == "id":
        return orjson.dumps({"type": "profile", "id": value, "attributes": {}})
    return orjson.dumps({"type": "profile", "attributes": {field: value}})


def request_deletion(resources: Sequence[bytes]) -> Request:
    """Delete the only profile given, and all that Klaviyo knows of it."""
    (resource,) = resources
    body = (
        b'{"data":{"type":"data-privacy-deletion-job",',
        b'"attributes":{"profile":{"data":',
        resource,
        b"}}}}",
    )
    endpoint = endpoints.REQUEST_DELETION
    return Request(endpoint=endpoint, path=endpoint.path, body=b"".join(body))


def get_list_members_by_address(
    field: str, values: Iterable[str], *, list_id: str
) -> Request:
    """Ask which members of a list have one of these addresses.

    Args:
        field: `email` or `phone_number`.
        values: At most `LOOKUP_MAX_VALUES`.
        list_id: Klaviyo's id of the list.
    """
    endpoint = endpoints.GET_LIST_PROFILES
    return Request(
        endpoint=endpoint,
        path=endpoint.path.replace("{id}", percent_encode(list_id)),
        query=(
            ("filter", any_filter(field, values)),
            ("fields[profile]", field),
            ("page[size]", str(PAGE_MAX_ITEMS)),
        ),
    )


def get_all_list_members(list_id: str) -> Request:
    """Ask who is on a list.

    Args:
        list_id: Klaviyo's id of the list.
    """
    endpoint = endpoints.GET_LIST_PROFILES
    return Request(
        endpoint=endpoint,
        path=endpoint.path.replace("{id}", percent_encode(list_id)),
        query=(
            ("fields[profile]", "email,phone_number,external_id"),
            ("page[size]", str(PAGE_MAX_ITEMS)),
        ),
    )


def _bulk_job(
    endpoint: Endpoint,
    resources: Iterable[bytes],
    *,
    list_id: str = "",
    attributes: Mapping[str, object] | None = None,
) -> Request:
    job_type = endpoint.path.rpartition("/")[2].removesuffix("s")
    data: dict[str, object] = {
        "type": job_type,
        "attributes": {
            **(attributes or {}),
            "profiles": {"data": list(map(orjson.Fragment, resources))},
        },
    }
    if list_id:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    body = orjson.dumps({"data": data})
    return Request(endpoint=endpoint, path=endpoint.path, body=body)
