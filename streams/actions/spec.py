"""Specification of an action: fields, defaults and intents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.actions.fields import (
    Field,
    FieldKind,
    Payload,
    default_mapping,
    fit_payload,
)
from streams.actions.intents import ActionResult, PayloadRefusal
from streams.events.identifiers import DEFAULT_CONTACT_RULES, ContactRules

Build = Callable[[Payload, ContactRules], ActionResult]
"""Builds intents from a payload that fits the fields."""

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
"""Fields of Segment's mappings that configure batching; no payload needs them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """Specification of a single action.

    Attributes:
        name: Segment's name, in camel case.
        title: Name for people.
        trigger: FQL that matches the action's events by default.
        fields: Fields of its payload.
        batch_keys: Fields that must be the same in one request.
        batch_size: Maximum number of items in one request.
        build: Builds intents from a payload that fits the fields.
        email_fields: Fields that may hold candidates for an e-mail address.
    """

    name: str
    title: str
    trigger: str
    fields: tuple[Field, ...]
    build: Build
    batch_keys: tuple[str, ...] = ()
    batch_size: int = 1000
    email_fields: tuple[Field, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kinds = FieldKind.EMAIL, FieldKind.PERSON
        found = tuple(each for each in self.fields if each.kind in kinds)
        object.__setattr__(self, "email_fields", found)

    @property
    def default_mapping(self) -> dict[str, Any]:
        """Default mapping that fills the fields from an event."""
        return default_mapping(self.fields)

    def to_intents(
        self, payload: Mapping[str, Any], *, rules: ContactRules = DEFAULT_CONTACT_RULES
    ) -> ActionResult:
        """Convert a payload to the intents of the action.

        Args:
            payload: Payload that a mapping built; it is not changed.
            rules: Rules for reading contacts.
        """
        fitted = fit_payload(payload, self.fields)
        if isinstance(fitted, PayloadRefusal):
            return fitted
        result = self.build(fitted.values, rules)
        return _with_dropped(result, fitted.dropped) if fitted.dropped else result


def _with_dropped(result: ActionResult, dropped: tuple[str, ...]) -> ActionResult:
    """Add the dropped values to the intents, or to the reason of a refusal.

    A payload whose only identifier was dropped is invalid, not without an identifier.
    """
    if isinstance(result, PayloadRefusal):
        reason = f"{result.reason}; left out: {', '.join(dropped)}"
        return msgspec.structs.replace(result, reason=reason, is_noop=False)
    return tuple(
        msgspec.structs.replace(intent, dropped=(*intent.dropped, *dropped))
        for intent in result
    )
