"""Requests that record events, and those about metrics."""

from collections.abc import Iterable

from streams.klaviyo.api import endpoints
from streams.klaviyo.api.requests import Request
from streams.klaviyo.payloads.event_lines import (
    EncodedEvent,
    ProfileEvents,
    merged_profile,
)


def create_event(event: EncodedEvent) -> Request:
    """Record one event; a repeat of its unique id is ignored by Klaviyo."""
    body = (
        b'{"data":{"type":"event","attributes":',
        event.attributes[:-1],
        b',"profile":{"data":',
        event.resource,
        b"}}}}",
    )
    endpoint = endpoints.CREATE_EVENT
    return Request(endpoint=endpoint, path=endpoint.path, body=b"".join(body))


def create_events(groups: Iterable[ProfileEvents]) -> Request:
    """Record many events, each row those of one profile.

    Args:
        groups: At most 1,000 events together; no unique id twice for a profile and
            metric, or Klaviyo records none of them.
    """
    body = (
        b'{"data":{"type":"event-bulk-create-job",',
        b'"attributes":{"events-bulk-create":{"data":[',
        b",".join(map(_bulk_row, groups)),
        b"]}}}}",
    )
    endpoint = endpoints.CREATE_EVENTS
    return Request(endpoint=endpoint, path=endpoint.path, body=b"".join(body))


def get_metrics() -> Request:
    """Ask for the names of all metrics."""
    endpoint = endpoints.GET_METRICS
    query = (("fields[metric]", "name"),)
    return Request(endpoint=endpoint, path=endpoint.path, query=query)


def _bulk_row(group: ProfileEvents) -> bytes:
    events = (
        b'{"type":"event","attributes":' + event.attributes + b"}" for event in group
    )
    parts = (
        b'{"type":"event-bulk-create","attributes":{"profile":{"data":',
        merged_profile(group),
        b'},"events":{"data":[',
        b",".join(events),
        b"]}}}",
    )
    return b"".join(parts)
