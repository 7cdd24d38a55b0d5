"""Requests that change consent, suppress addresses and delete profiles."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from streams.actions.intents import Channel
from streams.klaviyo.api import endpoints
from streams.klaviyo.api.endpoints import Endpoint
from streams.klaviyo.api.requests import Request

PushToken: TypeAlias = Mapping[str, Any]
"""Device in Klaviyo's form: `token`, `platform`, `vendor` and optional members."""


def consent_resource(
    identity: Mapping[str, str],
    channels: Iterable[Channel],
    *,
    consent: Mapping[str, str],
    push_tokens: Sequence[PushToken] = (),
    anonymous_id: str = "",
) -> bytes:
    """Encode the consent of a profile.

    Args:
        identity: `email`, `phone_number`, and Klaviyo's `id` where available.
        channels: Channels to change.
        consent: New consent for each channel: `consent`, and `consented_at` for a
            historical import.
        push_tokens: Devices, sent with the push channel.
        anonymous_id: Owner of the devices, sent with the push channel.

    Raises:
        TypeError: A value that JSON cannot hold.
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
    """Build the request that subscribes at most 1,000 profiles.

    Args:
        resources: Encoded profiles.
        list_id: Klaviyo's id of the list to join; empty for no list.
        custom_source: Source of the consent; empty for no source.
        historical_import: True if the consent was given earlier and elsewhere.
    """
    attributes: dict[str, object] = {}
    if custom_source:
        attributes["custom_source"] = custom_source
    if historical_import:
        attributes["historical_import"] = True
    return _bulk_job(
        endpoints.SUBSCRIBE, resources, list_id=list_id, attributes=attributes
    )


def unsubscribe_profiles(resources: Iterable[bytes], *, list_id: str = "") -> Request:
    """Build the request that unsubscribes at most 100 profiles.

    Klaviyo unsubscribes profiles globally that are not on the list.
    """
    return _bulk_job(endpoints.UNSUBSCRIBE, resources, list_id=list_id)


def suppression_resource(email: str) -> bytes:
    """Encode an address to suppress or unsuppress."""
    return orjson.dumps({"type": "profile", "attributes": {"email": email}})


def suppress_profiles(resources: Iterable[bytes]) -> Request:
    """Build the request that suppresses at most 100 addresses."""
    return _bulk_job(endpoints.SUPPRESS, resources)


def unsuppress_profiles(resources: Iterable[bytes]) -> Request:
    """Build the request that removes at most 100 suppressions made by hand."""
    return _bulk_job(endpoints.UNSUPPRESS, resources)


def deletion_resource(field: str, value: str) -> bytes:
    """Encode a profile for deletion.

    Args:
        field: `id`, `email` or `phone_number`.
        value: Klaviyo's id, or the address.
    """
    if field == "id":
        return orjson.dumps({"type": "profile", "id": value, "attributes": {}})
    return orjson.dumps({"type": "profile", "attributes": {field: value}})


def request_deletion(resources: Sequence[bytes]) -> Request:
    """Build the request that deletes a profile with all data."""
    (resource,) = resources
    body = (
        b'{"data":{"type":"data-privacy-deletion-job",',
        b'"attributes":{"profile":{"data":',
        resource,
        b"}}}}",
    )
    endpoint = endpoints.REQUEST_DELETION
    return Request(endpoint=endpoint, path=endpoint.path, body=b"".join(body))


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
