"""Fields of an action, and conversion of payload values to the kinds of fields.

Values are converted as Segment's validation does: a number or a boolean becomes text in
a text field, and numeric text becomes a number in a number field. Null and the empty
string count as absent. A value that cannot be converted refuses the payload, except in
a lenient field.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from streams.actions.field_values import (
    UNFIT,
    to_boolean,
    to_location,
    to_number,
    to_object,
    to_objects,
    to_person,
    to_text,
    to_texts,
    to_time,
)
from streams.actions.intents import PayloadRefusal
from streams.mapping.values import Json


class FieldKind(StrEnum):
    """Kind of a field's value; the values end the sentence `… is not a valid …`."""

    TEXT = "text"
    TEXTS = "list of text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    OBJECT = "object"
    OBJECTS = "list of objects"
    LOCATION = "address"
    PERSON = "object with identifiers"


_CONVERTERS: Final[Mapping[FieldKind, Callable[[Json], Json]]] = {
    FieldKind.TEXT: to_text,
    FieldKind.TEXTS: to_texts,
    FieldKind.NUMBER: to_number,
    FieldKind.BOOLEAN: to_boolean,
    FieldKind.TIME: to_time,
    FieldKind.OBJECT: to_object,
    FieldKind.OBJECTS: to_objects,
    FieldKind.LOCATION: to_location,
    FieldKind.PERSON: to_person,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Field of an action's payload.

    Attributes:
        name: Name in mappings.
        description: Purpose in one line; `klaviyo-streams` shows it.
        kind: Kind of the value.
        required: Whether a payload without it is refused.
        lenient: Whether an invalid value is ignored rather than refused.
        default: The mapping directive or literal that fills the field by default; None
            leaves it out.
    """

    name: str
    description: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = False
    lenient: bool = False
    default: Json | None = None


Payload = dict[str, Any]
"""Field name to a converted value."""


def fit_payload(
    payload: Mapping[str, Json], fields: Sequence[Field]
) -> Payload | PayloadRefusal:
    """Convert a payload's values to the kinds of an action's fields.

    Values of unknown fields are dropped.

    Args:
        payload: Payload that the mapping built; it is not changed.
        fields: Fields of the action.
    """
    fitted: Payload = {}
    for field in fields:
        value = payload.get(field.name)
        if value is not None and value != "":
            value = _CONVERTERS[field.kind](value)
            if value is UNFIT and not field.lenient:
                return _unfit_refusal(field)
            if value is not UNFIT:
                fitted[field.name] = value
                continue
        if field.required:
            return PayloadRefusal(
                code="missing-field", reason=f"{field.name} is missing"
            )
    return fitted


def _unfit_refusal(field: Field) -> PayloadRefusal:
    code = "bad-time" if field.kind is FieldKind.TIME else "bad-field"
    return PayloadRefusal(code=code, reason=f"{field.name} is not a valid {field.kind}")


def default_mapping(fields: Sequence[Field]) -> dict[str, Json]:
    """Return the mapping that fills an action's fields by default."""
    return {field.name: field.default for field in fields if field.default is not None}
