"""Action Upsert Profile: create or update a profile, maybe on a list."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from streams.actions.definitions.profile_fields import (
    EMAIL_OF_IDENTIFY,
    HOOK_FIELD,
    LIST_FIELD_DESCRIPTION,
    NO_IDENTIFIER,
    attribute_fields,
    contact_fields,
    email_candidates,
    first_path,
    payload_list_id,
    phone_path,
    profile_attributes,
    read_profile_contact,
)
from streams.actions.field_values import NO_ADDRESS, TEXT_ATTRIBUTES, UNFIT, to_text
from streams.actions.fields import Field, FieldKind, Payload, UnfitPolicy
from streams.actions.intents import ActionResult, PayloadRefusal, ProfileUpsert
from streams.actions.spec import ActionSpec
from streams.events.identifiers import ContactRules
from streams.mapping.values import Json

STANDARD_TRAITS: Final = {
    "address": "location",
    "address2": "location",
    "avatar": "image",
    "company": "organization",
    "email": "email",
    "firstName": "first_name",
    "first_name": "first_name",
    "lastName": "last_name",
    "last_name": "last_name",
    "organization": "organization",
    "phone": "phone_number",
    "phone_number": "phone_number",
    "title": "title",
}
"""Trait -> field of the same meaning; the other traits become custom properties."""

_LIST_OF_EVENT: Final[Json] = {
    "@if": {
        "blank": {"@path": "$.integrations.Klaviyo"},
        "then": {"@path": "$.integrations.Klaviyo.listId"},
    }
}
"""Directive that reads the list in an event's options; without options it reads none.

A path into false gives false, as in Segment, but false is an opt-out here."""

_ORGANIZATION_TRAITS: Final = frozenset({"company", "organization"})
"""Traits that may be objects, of which a profile has the name."""

_NOTHING_TO_UPDATE: Final = msgspec.structs.replace(NO_IDENTIFIER, is_noop=True)
"""Refusal of an unidentified visitor: there is no profile to update yet."""


def _build(payload: Payload, rules: ContactRules) -> ActionResult:
    contact = read_profile_contact(payload, rules=rules)
    if isinstance(contact, PayloadRefusal):
        return _NOTHING_TO_UPDATE if contact is NO_IDENTIFIER else contact
    profile = profile_attributes(payload, contact)
    traits = payload.get("custom_traits", {})
    profile = {**_cleared(traits, profile), **profile}
    properties = {**_custom(payload), **payload.get("properties", {})}
    if properties:
        profile["properties"] = properties
    upsert = ProfileUpsert(
        profile=profile,
        list_id=payload_list_id(payload),
        unset=payload.get("unset", ()),
        append=payload.get("append", {}),
        unappend=payload.get("unappend", {}),
        dropped=(*contact.dropped, *_unmapped(traits, payload)),
    )
    return (upsert,)


def _cleared(traits: dict[str, Any], profile: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that a trait of null clears.

    An identifier is never cleared: the profile could not be found by it again.
    """
    cleared: dict[str, Any] = {}
    if None not in traits.values():
        return cleared
    for trait, attribute in STANDARD_TRAITS.items():
        if trait not in traits or traits[trait] is not None or attribute in profile:
            continue
        if attribute in TEXT_ATTRIBUTES:
            cleared[attribute] = None
        elif trait == "address":
            cleared[attribute] = NO_ADDRESS
    return cleared


def _unmapped(traits: dict[str, Any], payload: Payload) -> Iterator[str]:
    """Yield a code for each standard trait that is sent in part or not at all."""
    for trait, field in STANDARD_TRAITS.items():
        if trait not in traits:
            continue
        value = traits[trait]
        is_organization = trait in _ORGANIZATION_TRAITS and isinstance(value, dict)
        has_details = is_organization and value.keys() - {"name"}
        if has_details or (field not in payload and _has_value(trait, value)):
            yield f"trait-{trait.replace('_', '-')}"


def _has_value(trait: str, value: Json) -> bool:
    """Return True for a trait's value that is not empty and fits the trait's field."""
    if trait == "address" and isinstance(value, dict):
        return bool(value)
    return value != "" and to_text(value) is not UNFIT


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
            email=email_candidates(*EMAIL_OF_IDENTIFY),
            phone=phone_path("$.traits", "$.context.traits"),
            external_id=first_path("$.userId"),
        ),
        *attribute_fields("$.traits", properties=first_path("$.properties")),
        Field(
            name="custom_traits",
            description="Traits; those without a field become custom properties.",
            kind=FieldKind.OBJECT,
            unfit=UnfitPolicy.IGNORE,
            default=first_path("$.traits"),
        ),
        Field(
            name="audience_key",
            description="The audience whose flag is left out of the custom traits.",
            unfit=UnfitPolicy.IGNORE,
            default=first_path("$.context.personas.computation_key"),
        ),
        Field(
            name="unset",
            description="Custom properties to remove.",
            kind=FieldKind.TEXTS,
            unfit=UnfitPolicy.REFUSE,
        ),
        Field(
            name="append",
            description="Custom property -> what to add to its array.",
            kind=FieldKind.OBJECT,
            unfit=UnfitPolicy.REFUSE,
        ),
        Field(
            name="unappend",
            description="Custom property -> what to take out of its array.",
            kind=FieldKind.OBJECT,
            unfit=UnfitPolicy.REFUSE,
        ),
        Field(name="list_id", description=LIST_FIELD_DESCRIPTION),
        Field(
            name="override_list_id",
            description="A list that the event names; it takes priority over list_id.",
            default=_LIST_OF_EVENT,
        ),
        HOOK_FIELD,
    ),
)
