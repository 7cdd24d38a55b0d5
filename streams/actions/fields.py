"""Fields of an action, and conversion of payload values to the kinds of fields.

Values are converted as Segment's validation does: a number becomes text in a text
field, and numeric text becomes a number in a number field. Null and the empty string
count as absent. The field states what becomes of a value that cannot be converted
(`UnfitPolicy`).
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from streams.actions.field_values import (
    UNFIT,
    Converted,
    Unfit,
    to_boolean,
    to_email,
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
from streams.events.identifiers import INVALID_PHONE
from streams.mapping.values import Json


class FieldKind(StrEnum):
    """Kind of a field's value; the values end the sentence `… is not a valid …`."""

    TEXT = "text"
    TEXTS = "list of text"
    EMAIL = "email address"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    OBJECT = "object"
    OBJECTS = "list of objects"
    LOCATION = "address"
    PERSON = "object with identifiers"


class UnfitPolicy(StrEnum):
    """Treatment of a value that cannot be converted to the kind of the field."""

    DROP = "drop"
    """Leave the value out, and record that in the outcome."""

    REFUSE = "refuse"
    """Refuse the payload: without the value it would mean something else."""

    IGNORE = "ignore"
    """Leave the value out; nobody needs to know."""


_CONVERTERS: Final[Mapping[FieldKind, Callable[[Json], Json | Converted | Unfit]]] = {
    FieldKind.TEXT: to_text,
    FieldKind.TEXTS: to_texts,
    FieldKind.EMAIL: to_email,
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
        unfit: Treatment of a value that cannot be converted; a required field refuses.
        default: The mapping directive or literal that fills the field by default; None
            leaves it out.
        convert: Converts a value to the kind.
    """

    name: str
    description: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = False
    unfit: UnfitPolicy = UnfitPolicy.DROP
    default: Json | None = None
    convert: Callable[[Json], Json | Converted | Unfit] = dataclasses.field(
        init=False, repr=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "convert", _CONVERTERS[self.kind])


Payload = dict[str, Any]
"""Field name to a converted value."""


class FittedPayload(NamedTuple):
    """Payload that fits the fields of an action.

    Attributes:
        values: Field name to a converted value.
        dropped: Codes of the values that were left out.
    """

    values: Payload
    dropped: tuple[str, ...]


def fit_payload(
    payload: Mapping[str, Json], fields: Sequence[Field]
) -> FittedPayload | PayloadRefusal:
    """Convert a payload's values to the kinds of an action's fields.

    Values of unknown fields are ignored.

    Args:
        payload: Payload that the mapping built; it is not changed.
        fields: Fields of the action.
    """
    values: Payload = {}
    dropped: list[str] = []
    for field in fields:
        raw = payload.get(field.name)
        converted = "" if raw is None or raw == "" else field.convert(raw)
        if converted == "":
            if field.required:
                return _missing(field)
        elif type(converted) is Converted:
            values[field.name] = converted.value
            dropped += map(dropped_code, converted.dropped)
        elif converted is not UNFIT:
            values[field.name] = converted
        elif field.required or field.unfit is UnfitPolicy.REFUSE:
            return _unfit_refusal(field)
        elif field.unfit is UnfitPolicy.DROP:
            dropped.append(dropped_code(field.name))
    return FittedPayload(values, tuple(dict.fromkeys(dropped)) if dropped else ())


def choose_emails(payload: dict[str, Json], fields: Sequence[Field]) -> dict[str, Json]:
    """Return a payload with a single address instead of each list of candidates.

    A list without a valid address stays, and one without a candidate is left out.

    Args:
        payload: Payload that the mapping built; it is not changed.
        fields: Fields of the action that may hold candidates.
    """
    chosen = payload
    for field in fields:
        name, value = field.name, payload.get(field.name)
        if field.kind is FieldKind.EMAIL and isinstance(value, list):
            chosen = _with_email(chosen, name)
        elif isinstance(value, dict) and isinstance(value.get("email"), list):
            chosen = {**chosen, name: _with_email(value, "email")}
    return chosen


def _with_email(attributes: dict[str, Json], name: str) -> dict[str, Json]:
    email = to_email(attributes[name])
    chosen = dict(attributes)
    if email == "":
        del chosen[name]
    elif email is not UNFIT:
        chosen[name] = email
    return chosen


def dropped_code(name: str) -> str:
    """Return the code of a dropped value: `bad-first-name` for `first_name`."""
    if name == "phone_number":
        return INVALID_PHONE.code
    return f"bad-{name.replace('_', '-')}"


def _missing(field: Field) -> PayloadRefusal:
    return PayloadRefusal(code="missing-field", reason=f"{field.name} is missing")


def _unfit_refusal(field: Field) -> PayloadRefusal:
    code = "bad-time" if field.kind is FieldKind.TIME else "bad-field"
    return PayloadRefusal(code=code, reason=f"{field.name} is not a valid {field.kind}")


def default_mapping(fields: Sequence[Field]) -> dict[str, Json]:
    """Return the mapping that fills an action's fields by default."""
    return {field.name: field.default for field in fields if field.default is not None}
