"""Action Track Event: record an event for a profile."""

from typing import Final

from streams.actions.definitions.event_fields import (
    build_event_record,
    event_fields,
    metric_name_refusal,
    read_event_owner,
)
from streams.actions.definitions.profile_fields import first_path
from streams.actions.fields import Field, Payload
from streams.actions.intents import ActionResult, PayloadRefusal
from streams.actions.spec import ActionSpec
from streams.events.identifiers import ContactRules


def _build(payload: Payload, rules: ContactRules) -> ActionResult:
    metric = payload["metric_name"]
    if fault := metric_name_refusal(metric):
        return fault
    contact = read_event_owner(payload["profile"], rules=rules)
    if isinstance(contact, PayloadRefusal):
        return contact
    return (build_event_record(payload, contact, metric=metric),)


TRACK_EVENT: Final = ActionSpec(
    name="trackEvent",
    title="Track Event",
    trigger='type = "track"',
    build=_build,
    fields=(
        Field(
            name="metric_name",
            description="The event's name in Klaviyo, case-sensitive.",
            required=True,
            default=first_path("$.event"),
        ),
        *event_fields(revenue=first_path("$.properties.revenue")),
    ),
)
