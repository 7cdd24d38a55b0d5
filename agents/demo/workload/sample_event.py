"""Sample events, each with the expected effect in Klaviyo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedEvent:
    """Event that Klaviyo must have recorded exactly once.

    Attributes:
        metric: Name of the metric.
        unique_id: Distinguishes events of a profile and metric.
        time_s: Event time; Klaviyo truncates times to the second.
        properties: Event properties.
        value: Monetary value, if any.
        currency: ISO 4217 code of the value, if any.
    """

    metric: str
    unique_id: str
    time_s: int
    properties: Mapping[str, Any]
    value: float | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEvent:
    """Event of a workload, with the expected effects.

    Attributes:
        user: User key.
        time_ms: Event time, milliseconds since the epoch.
        body: Value of the Kafka record.
        audience: Audience of the event, if any.
        entered: True if the user enters the audience.
        attributes: Profile attributes by name; nested names begin with `location.` or
            `properties.`.
        expected_events: Events that Klaviyo must have recorded.
        consents: Channel and purpose, such as `email/marketing`, to the new
            status.
        publish_order: Sort key of the publication.
    """

    user: str
    time_ms: int
    body: bytes
    audience: str = ""
    entered: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expected_events: tuple[ExpectedEvent, ...] = ()
    consents: Mapping[str, str] = field(default_factory=dict)
    publish_order: float = 0.0

    @property
    def is_profile_update(self) -> bool:
        """True if the event updates a profile."""
        return bool(self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """User, time and number of an event.

    Attributes:
        user: User key.
        time_ms: Event time, milliseconds since the epoch.
        number: Number of the event, for its names.
    """

    user: str
    time_ms: int
    number: int

    @property
    def message_id(self) -> str:
        """Message id of the event, equal for duplicates."""
        return f"m{self.number}"

    @property
    def time_s(self) -> int:
        """Event time in seconds, the precision of Klaviyo."""
        return self.time_ms // MS_PER_S

    def encode_event(self, body: Mapping[str, Any]) -> bytes:
        """Encode an event with the fields common to all events."""
        common = {
            "userId": self.user,
            "messageId": self.message_id,
            "timestamp": self.time_ms,
        }
        return orjson.dumps({**body, **common})
