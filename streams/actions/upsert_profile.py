"""Upsert Profile: create or update a profile, and put it on a list if one is named."""

from typing import Any, Final

import msgspec

from streams.actions.fields import Field, Kind, Payload
from streams.actions.intents import ProfileUpsert, Refusal, Result
from streams.actions.people import (
    HOOK_FIELD,
    LIST_FIELD_ABOUT,
    NO_IDENTIFIER,
    attribute_fields,
    attributes_of,
    contact_fields,
    contact_of,
    list_of,
    path,
)
from streams.actions.spec import ActionSpec
from streams.events.contact import ContactRules

STANDARD_TRAITS: Final = frozenset(
    {"address", "avatar", "company", "email", "first_name", "firstName", "last_name"}
    | {"lastName", "organization", "phone", "phone_number", "title"}
)
"""Traits that fill an attribute of their own; the others are custom."""

_STRANGER: Final = msgspec.structs.replace(NO_IDENTIFIER, moot=True)
"""Most visitors are strangers to begin with; there is no profile to update."""


def _build(payload: Payload, rules: ContactRules) -> Result:
    contact = contact_of(payload, rules=rules)
    if isinstance(contact, Refusal):
        return _STRANGER if contact is NO_IDENTIFIER else contact
    profile = attributes_of(payload, contact)
    properties = {**_custom(payload), **payload.get("properties", {})}
    if properties:
        profile["properties"] = properties
    upsert = ProfileUpsert(
        profile=profile,
        list_id=list_of(payload),
        unset=payload.get("unset", ()),
        append=payload.get("append", {}),
        unappend=payload.get("unappend", {}),
        dropped=contact.dropped,
    )
    return (upsert,)


def _custom(payload: Payload) -> dict[str, Any]:
    """Give the custom traits, without the flag of an audience.

    Flags of an audience come late and in any order, and the list says it already.
    """
    flag = payload.get("audience_key")
    return {
        name: value
        for name, value in payload.get("custom_traits", {}).items()
        if name not in STANDARD_TRAITS
        and not (name == flag and isinstance(value, bool))
    }


UPSERT_PROFILE: Final = ActionSpec(
    name="upsertProfile",
    title="Upsert Profile",
    trigger='type = "identify"',
    build=_build,
    batch_keys=("list_id", "override_list_id"),
    batch_size=10_000,
    fields=(
        *contact_fields(
            email=path("$.traits.email", "$.context.traits.email"),
            phone=path("$.traits.phone", "$.context.traits.phone"),
            external_id=path("$.userId"),
        ),
        *attribute_fields("$.traits", properties=path("$.properties")),
        Field(
            name="custom_traits",
            about="Traits; those that fill no other field become custom properties.",
            kind=Kind.OBJECT,
            lenient=True,
            default=path("$.traits"),
        ),
        Field(
            name="audience_key",
            about="The audience whose flag is left out of the custom traits.",
            lenient=True,
            default=path("$.context.personas.computation_key"),
        ),
        Field(name="unset", about="Custom properties to remove.", kind=Kind.TEXTS),
        Field(
            name="append",
            about="Custom property -> what to add to its array.",
            kind=Kind.OBJECT,
        ),
        Field(
            name="unappend",
            about="Custom property -> what to take out of its array.",
            kind=Kind.OBJECT,
        ),
        Field(name="list_id", about=LIST_FIELD_ABOUT),
        Field(
            name="override_list_id",
            about="A list that the event names; it wins over list_id.",
            default=path("$.integrations.Klaviyo.listId"),
        ),
        HOOK_FIELD,
    ),
)
