"""What an action is: its fields, its defaults, and what it makes of a payload."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.actions.fields import (
    Field,
    FieldKind,
    Payload,
    default_mapping,
    fit_payload,
)
from streams.actions.intents import ActionResult, PayloadRefusal
from streams.events.contact import DEFAULT_CONTACT_RULES, ContactRules

Build = Callable[[Payload, ContactRules], ActionResult]
"""Makes intents of a payload that fits."""

BATCH_FIELDS = (
    Field(
        name="enable_batching",
        description="Segment's; see batching.",
        kind=FieldKind.BOOLEAN,
    ),
    Field(
        name="batch_size", description="Segment's; see batching.", kind=FieldKind.NUMBER
    ),
    Field(
        name="batch_keys", description="Segment's; see batching.", kind=FieldKind.TEXTS
    ),
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
    def default_mapping(self) -> dict[str, Any]:
        """The mapping that fills its fields by default."""
        return default_mapping(self.fields)

    def to_intents(
        self, payload: Mapping[str, Any], *, rules: ContactRules = DEFAULT_CONTACT_RULES
    ) -> ActionResult:
        """Say what a payload comes to.

        Args:
            payload: What a mapping made of an event; it is not changed.
            rules: How contacts are read.
        """
        fitted = fit_payload(payload, self.fields)
        if isinstance(fitted, PayloadRefusal):
            return fitted
        return self.build(fitted, rules)
