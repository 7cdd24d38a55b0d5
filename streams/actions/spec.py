"""What an action is: its fields, its defaults, and what it makes of a payload."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.actions.fields import Field, Kind, Payload, default_mapping, fit
from streams.actions.intents import Refusal, Result
from streams.events.contact import NO_RULES, ContactRules

Build = Callable[[Payload, ContactRules], Result]
"""Makes intents of a payload that fits."""

BATCH_FIELDS = (
    Field(name="enable_batching", about="Segment's; see batching.", kind=Kind.BOOLEAN),
    Field(name="batch_size", about="Segment's; see batching.", kind=Kind.NUMBER),
    Field(name="batch_keys", about="Segment's; see batching.", kind=Kind.TEXTS),
)
"""Fields of Segment's mappings that say how to batch; no payload needs them."""

SEGMENT_NAMES = frozenset({field.name for field in BATCH_FIELDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action.

    Attributes:
        name: Segment's, in camel case.
        title: As people read it.
        trigger: FQL that says which events it takes by default.
        fields: What its payload may hold.
        batch_keys: Fields that must be the same in one request.
        batch_size: Most items in one request.
        build: Makes intents of a payload that fits.
    """

    name: str
    title: str
    trigger: str
    fields: tuple[Field, ...]
    build: Build
    batch_keys: tuple[str, ...] = ()
    batch_size: int = 1000

    @property
    def mapping(self) -> dict[str, Any]:
        """The mapping that fills its fields by default."""
        return default_mapping(self.fields)

    def act(
        self, payload: Mapping[str, Any], *, rules: ContactRules = NO_RULES
    ) -> Result:
        """Say what a payload comes to.

        Args:
            payload: What a mapping made of an event; it is not changed.
            rules: How contacts are read.
        """
        fitting = fit(payload, self.fields)
        if isinstance(fitting, Refusal):
            return fitting
        return self.build(fitting, rules)
