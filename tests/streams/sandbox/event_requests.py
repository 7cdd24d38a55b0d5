"""Bodies of requests that record events."""

from collections.abc import Sequence

from tests.streams.sandbox.api import Body, data

ANN: Body = {"email": "ann@example.com"}


def event_resource(metric: str = "Ordered", **attributes: object) -> Body:
    """Return the resource of one event, without a profile."""
    name = {"data": {"type": "metric", "attributes": {"name": metric}}}
    attributes_member = {"properties": {"sku": "1"}, "metric": name, **attributes}
    return {"type": "event", "attributes": attributes_member}


def event_request(
    metric: str = "Ordered", owner: Body = ANN, **attributes: object
) -> Body:
    """Return a request that records one event of a profile."""
    event = event_resource(metric, **attributes)
    profile = {"data": {"type": "profile", "attributes": owner}}
    event["attributes"]["profile"] = profile
    return {"data": event}


def bulk_events_request(*rows: tuple[Body, Sequence[Body]]) -> Body:
    """Return a request that records events of several profiles."""
    items = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": {"data": {"type": "profile", "attributes": profile}},
                "events": {"data": list(events)},
            },
        }
        for profile, events in rows
    ]
    return data("event-bulk-create-job", {"events-bulk-create": {"data": items}})
