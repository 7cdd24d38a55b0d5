"""A destination, compiled: which mappings take an event, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from streams.actions.intents import ActionResult, PayloadRefusal
from streams.actions.spec import ActionSpec
from streams.events.contact import DEFAULT_CONTACT_RULES, ContactRules
from streams.mapping import Unmappable

EventBody = dict[str, Any]


class UnknownMetricPolicy(StrEnum):
    """What becomes of an event whose metric Klaviyo doesn't have."""

    ALLOW = "allow"
    DEAD_LETTER = "dead-letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How a mapping's payloads are put together.

    Attributes:
        enabled: Whether they are at all.
        size: Most of them in one request.
        keys: Fields that must be the same in one request.
    """

    enabled: bool = True
    size: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingResult:
    """What one mapping makes of one event.

    Attributes:
        mapping: The mapping's name.
        action: The action's name, in camel case.
        payload: What the mapping made; empty where it could make nothing.
        result: What is wanted of Klaviyo, or why nothing.
    """

    mapping: str
    action: str
    payload: dict[str, Any]
    result: ActionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRule:
    """One mapping, compiled.

    Attributes:
        name: As the user calls it.
        action: What it does.
        trigger: Which events it takes.
        build_payload: Event -> payload.
        metrics: Metrics that it names itself, for the preflight.
        batching: How its payloads are put together.
        expire_after_s: How long one may wait for Klaviyo; 0 for as long as the worker's
            settings say.
    """

    name: str
    action: ActionSpec
    trigger: Callable[[EventBody], bool]
    build_payload: Callable[[EventBody], Any]
    metrics: tuple[str, ...]
    batching: Batching
    expire_after_s: float = 0.0

    def apply(self, event: EventBody, *, rules: ContactRules) -> MappingResult:
        """Map an event that the trigger took, and act on the payload."""
        payload = self.build_payload(event)
        if type(payload) is dict:
            result = self.action.to_intents(payload, rules=rules)
        else:
            payload, result = {}, _unmappable_refusal(payload)
        return MappingResult(
            mapping=self.name,
            action=self.action.name,
            payload=payload,
            result=result,
        )


def _unmappable_refusal(value: object) -> PayloadRefusal:
    if isinstance(value, Unmappable):
        return PayloadRefusal(code="unmappable", reason=value.reason)
    return PayloadRefusal(code="unmappable", reason="the mapping makes no object")


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceRule:
    """What the user says of one audience.

    Attributes:
        list_id: Its Klaviyo list; empty to find or create one.
        enabled: Whether it is synced.
    """

    list_id: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The whole file, compiled.

    Attributes:
        mappings: Those that are enabled, in the file's order.
        audiences: Audience key -> what the user says of it.
        sync_audiences: Whether audience events move lists by themselves; by default
            not if a mapping of the file takes them to lists.
        api_key_env: The environment variable that holds the API key.
        contact_rules: How contacts are read.
        unknown_metric: What becomes of an event whose metric Klaviyo doesn't have.
        settings: The rest of the file's settings: a worker's, as they stand.
    """

    mappings: tuple[MappingRule, ...]
    audiences: Mapping[str, AudienceRule] = field(default_factory=dict)
    sync_audiences: bool = True
    api_key_env: str = ""
    contact_rules: ContactRules = DEFAULT_CONTACT_RULES
    unknown_metric: UnknownMetricPolicy = UnknownMetricPolicy.ALLOW
    settings: Mapping[str, Any] = field(default_factory=dict)

    def with_lists(self, list_ids: Mapping[str, str]) -> "Destination":
        """Let audiences have the lists that the settings name; they come first."""
        rules = {
            key: replace(self.audiences.get(key, AudienceRule()), list_id=list_id)
            for key, list_id in list_ids.items()
        }
        return replace(self, audiences={**self.audiences, **rules})

    def matching_rules(self, event: EventBody) -> tuple[MappingRule, ...]:
        """Give the mappings whose trigger takes an event."""
        return tuple(rule for rule in self.mappings if rule.trigger(event))

    def map_event(self, event: EventBody) -> tuple[MappingResult, ...]:
        """Say all that is to be done for an event; never raises.

        Args:
            event: A JSON object; it is not changed.
        """
        return tuple(
            rule.apply(event, rules=self.contact_rules)
            for rule in self.mappings
            if rule.trigger(event)
        )

    @property
    def metrics(self) -> dict[str, tuple[str, ...]]:
        """Metric -> the mappings that name it themselves, for the preflight."""
        mappings_by_metric: dict[str, dict[str, None]] = {}
        for rule in self.mappings:
            for metric in rule.metrics:
                mappings_by_metric.setdefault(metric, {})[rule.name] = None
        return {
            metric: tuple(mappings) for metric, mappings in mappings_by_metric.items()
        }
