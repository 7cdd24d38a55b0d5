"""What happens in a shop: one event, and what it must leave in Klaviyo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedEvent:
    """An event that Klaviyo must hold once.

    Attributes:
        metric: Of what kind it is.
        unique_id: Tells it from others of its profile and metric.
        time_s: When it happened; Klaviyo cuts the time to the second.
        properties: What is known of it.
        value: Its worth; None where it has none.
        currency: ISO 4217 code of the worth; None where there is none.
    """

    metric: str
    unique_id: str
    time_s: int
    properties: Mapping[str, Any]
    value: float | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEvent:
    """One event: what it says, and where in the order it is published.

    Attributes:
        user: Whom it is about.
        time_ms: Event time, milliseconds since the epoch.
        body: What Kafka is given.
        audience: The audience it speaks of; empty for none.
        entered: Whether the user entered it.
        attributes: What it sets of a profile, `location.` and `properties.` before
            the names that stand there in Klaviyo.
        expected_events: What must be recorded for it.
        consents: Channel and purpose, such as `email/marketing`, to the consent given
            or withdrawn.
        publish_order: In the order of publication.
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
        """Whether it sets a profile."""
        return bool(self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Who does something, and when.

    Attributes:
        user: Who.
        time_ms: When, milliseconds since the epoch.
        number: Of all that happens; names the event.
    """

    user: str
    time_ms: int
    number: int

    @property
    def message_id(self) -> str:
        """Name of the event, the same for each repeat."""
        return f"m{self.number}"

    @property
    def time_s(self) -> int:
        """When, as Klaviyo keeps it."""
        return self.time_ms // MS_PER_S

    def encode_event(self, body: Mapping[str, Any]) -> bytes:
        """Write the event, with all that every event holds."""
        common = {
            "userId": self.user,
            "messageId": self.message_id,
            "timestamp": self.time_ms,
        }
        return orjson.dumps({**body, **common})
