"""Action Upsert Profile: create or update a profile, maybe on a list."""

from typing import Any, Final

import msgspec

from streams.actions.definitions.profile_fields import (
    HOOK_FIELD,
    LIST_FIELD_DESCRIPTION,
    NO_IDENTIFIER,
    attribute_fields,
    contact_fields,
    first_path,
    payload_list_id,
    profile_attributes,
    read_profile_contact,
)
from streams.actions.fields import Field, FieldKind, Payload
from streams.actions.intents import ActionResult, PayloadRefusal, ProfileUpsert
from streams.actions.spec import ActionSpec
from streams.events.identifiers import ContactRules

STANDARD_TRAITS: Final = frozenset(
    {"address", "avatar", "company", "email", "first_name", "firstName", "last_name"}
    | {"lastName", "organization", "phone", "phone_number", "title"}
)
"""Traits with an attribute in Klaviyo; the other traits become custom properties."""

_NOTHING_TO_UPDATE: Final = msgspec.structs.replace(NO_IDENTIFIER, is_noop=True)
"""Refusal of an unidentified visitor: there is no profile to update yet."""


def _build(payload: Payload, rules: ContactRules) -> ActionResult:
    contact = read_profile_contact(payload, rules=rules)
    if isinstance(contact, PayloadRefusal):
        return _NOTHING_TO_UPDATE if contact is NO_IDENTIFIER else contact
    profile = profile_attributes(payload, contact) | _text_traits(payload)
    properties = {**_custom(payload), **payload.get("properties", {})}
    if properties:
        profile["properties"] = properties
    upsert = ProfileUpsert(
        profile=profile,
        list_id=payload_list_id(payload),
        unset=payload.get("unset", ()),
        append=payload.get("append", {}),
        unappend=payload.get("unappend", {}),
        dropped=contact.dropped,
    )
    return (upsert,)


def _text_traits(payload: Payload) -> dict[str, Any]:
    """Return the attributes of traits that are text where Segment has an object.

    A company is often its name, and an address a line.
    """
    traits, attributes = payload.get("custom_traits", {}), dict[str, Any]()
    organization, address = traits.get("company"), traits.get("address")
    if isinstance(organization, str) and organization and "organization" not in payload:
        attributes["organization"] = organization
    if isinstance(address, str) and address and not payload.get("location"):
        attributes["location"] = {"address1": address}
    return attributes


def _custom(payload: Payload) -> dict[str, Any]:
    """Return the custom traits, without the flag of an audience.

    Flags of an audience come late and in any order, and the list has the membership
    already.
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
            email=first_path("$.traits.email", "$.context.traits.email"),
            phone=first_path(
                "$.traits.phone", "$.traits.phone_number", "$.context.traits.phone"
            ),
            external_id=first_path("$.userId"),
        ),
        *attribute_fields("$.traits", properties=first_path("$.properties")),
        Field(
            name="custom_traits",
            description="Traits; those without a field become custom properties.",
            kind=FieldKind.OBJECT,
            lenient=True,
            default=first_path("$.traits"),
        ),
        Field(
            name="audience_key",
            description="The audience whose flag is left out of the custom traits.",
            lenient=True,
            default=first_path("$.context.personas.computation_key"),
        ),
        Field(
            name="unset",
            description="Custom properties to remove.",
            kind=FieldKind.TEXTS,
        ),
        Field(
            name="append",
            description="Custom property -> what to add to its array.",
            kind=FieldKind.OBJECT,
        ),
        Field(
            name="unappend",
            description="Custom property -> what to take out of its array.",
            kind=FieldKind.OBJECT,
        ),
        Field(name="list_id", description=LIST_FIELD_DESCRIPTION),
        Field(
            name="override_list_id",
            description="A list that the event names; it takes priority over list_id.",
            default=first_path("$.integrations.Klaviyo.listId"),
        ),
        HOOK_FIELD,
    ),
)
