"""Track Event: record an event for a profile."""

from typing import Final

from streams.actions.event_records import (
    event_fields,
    metric_fault,
    owner_of,
    record,
)
from streams.actions.fields import Field, Payload
from streams.actions.intents import Refusal, Result
from streams.actions.people import path
from streams.actions.spec import ActionSpec
from streams.events.contact import ContactRules


def _build(payload: Payload, rules: ContactRules) -> Result:
    metric = payload["metric_name"]
    if fault := metric_fault(metric):
        return fault
    contact = owner_of(payload["profile"], rules=rules)
    if isinstance(contact, Refusal):
        return contact
    return (record(payload, contact, metric=metric),)


TRACK_EVENT: Final = ActionSpec(
    name="trackEvent",
    title="Track Event",
    trigger='type = "track"',
    build=_build,
    fields=(
        Field(
            name="metric_name",
            about="The event's name in Klaviyo, case-sensitive.",
            required=True,
            default=path("$.event"),
        ),
        *event_fields(revenue=path("$.properties.revenue")),
    ),
)
