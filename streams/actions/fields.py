"""Fields of an action: what a payload may hold, and how it is made to fit.

Values are made to fit as Segment's validation does: a number or a boolean becomes text
where text is asked for, text a number where it reads as one. Null and the empty string
are absent. What can't be made to fit refuses the payload, save in a lenient field.
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

Json = Any
Default = Json | None


class FieldKind(StrEnum):
    """What a field holds; the words end the sentence `… is no …`."""

    TEXT = "text"
    TEXTS = "list of text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    OBJECT = "object"
    OBJECTS = "list of objects"
    LOCATION = "address of texts"
    PERSON = "object with identifiers of text"


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
    """One field of an action.

    Attributes:
        name: As mappings write it.
        description: What it is for, one line; `klaviyo-streams` shows it.
        kind: What it holds.
        required: Whether a payload without it is refused.
        lenient: Whether what does not fit is passed over rather than refused.
        default: The mapping kit's directive or literal that fills it by default; None
            leaves it out.
    """

    name: str
    description: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = False
    lenient: bool = False
    default: Default = None


Payload = dict[str, Any]
"""Field name → a value that fits."""


def fit_payload(
    payload: Mapping[str, Json], fields: Sequence[Field]
) -> Payload | PayloadRefusal:
    """Make a payload fit an action's fields; what is no field of its is dropped.

    Args:
        payload: What the mapping made of an event; it is not changed.
        fields: Those of the action.
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
    return PayloadRefusal(code=code, reason=f"{field.name} is no {field.kind}")


def default_mapping(fields: Sequence[Field]) -> dict[str, Json]:
    """Give the mapping that fills an action's fields by default."""
    return {field.name: field.default for field in fields if field.default is not None}
