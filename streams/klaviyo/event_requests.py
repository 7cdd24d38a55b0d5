"""Requests that record events, and those about metrics."""

from collections.abc import Iterable

from streams.klaviyo import lane_quotas
from streams.klaviyo.event_lines import Line, Row, row_profile
from streams.klaviyo.requests import Request


def create_event(line: Line) -> Request:
    """Record one event; a repeat of its unique id is ignored by Klaviyo."""
    body = (
        b'{"data":{"type":"event","attributes":',
        line.attributes[:-1],
        b',"profile":{"data":',
        line.resource,
        b"}}}}",
    )
    endpoint = lane_quotas.CREATE_EVENT
    return Request(endpoint=endpoint, path=endpoint.path, body=b"".join(body))


def create_events(rows: Iterable[Row]) -> Request:
    """Record many events, each row those of one profile.

    Args:
        rows: At most 1,000 events together; no unique id twice for a profile and
            metric, or Klaviyo records none of them.
    """
    body = (
        b'{"data":{"type":"event-bulk-create-job",',
        b'"attributes":{"events-bulk-create":{"data":[',
        b",".join(map(_row, rows)),
        b"]}}}}",
    )
    endpoint = lane_quotas.CREATE_EVENTS
    return Request(endpoint=endpoint, path=endpoint.path, body=b"".join(body))


def metrics() -> Request:
    """Ask for the names of all metrics."""
    endpoint = lane_quotas.GET_METRICS
    query = (("fields[metric]", "name"),)
    return Request(endpoint=endpoint, path=endpoint.path, query=query)


def _row(row: Row) -> bytes:
    events = (b'{"type":"event","attributes":' + line.attributes + b"}" for line in row)
    parts = (
        b'{"type":"event-bulk-create","attributes":{"profile":{"data":',
        row_profile(row),
        b'},"events":{"data":[',
        b",".join(events),
        b"]}}}",
    )
    return b"".join(parts)
