"""Add Profile to List, Remove Profile from List, Remove Profile."""

from typing import Final

from streams.actions.fields import Field, Payload
from streams.actions.intents import ListAdd, ListRemove, Refusal, Result
from streams.actions.people import (
    HOOK_FIELD,
    LIST_FIELD_ABOUT,
    attribute_fields,
    attributes_of,
    contact_fields,
    contact_of,
    list_of,
    path,
)
from streams.actions.spec import ActionSpec
from streams.events.contact import ContactRules

_NO_LIST: Final = Refusal(code="missing-field", reason="list_id is missing")

_AUDIENCE_LIST: Final = path(
    "$.context.personas.audience_settings.listId",
    "$.context.personas.external_audience_id",
)


def _add(payload: Payload, rules: ContactRules) -> Result:
    list_id = list_of(payload)
    if not list_id:
        return _NO_LIST
    contact = contact_of(payload, rules=rules)
    if isinstance(contact, Refusal):
        return contact
    profile = attributes_of(payload, contact)
    return (ListAdd(list_id=list_id, profile=profile, dropped=contact.dropped),)


def _remove(payload: Payload, rules: ContactRules) -> Result:
    list_id = list_of(payload)
    if not list_id:
        return _NO_LIST
    contact = contact_of(payload, rules=rules)
    if isinstance(contact, Refusal):
        return contact
    removal = ListRemove(
        list_id=list_id, identifiers=contact.identifiers, dropped=contact.dropped
    )
    return (removal,)


ADD_PROFILE_TO_LIST: Final = ActionSpec(
    name="addProfileToList",
    title="Add Profile to List",
    trigger='type = "track" and event = "Audience Entered"',
    build=_add,
    batch_keys=("list_id",),
    batch_size=10_000,
    fields=(
        *contact_fields(
            email=path("$.context.traits.email", "$.properties.email"),
            phone=path("$.context.traits.phone", "$.properties.phone"),
            external_id=path("$.userId"),
        ),
        Field(name="list_id", about=LIST_FIELD_ABOUT, default=_AUDIENCE_LIST),
        *attribute_fields("$.properties", properties=path("$.properties.properties")),
        HOOK_FIELD,
    ),
)

REMOVE_PROFILE_FROM_LIST: Final = ActionSpec(
    name="removeProfileFromList",
    title="Remove Profile from List",
    trigger='type = "track" and event = "Audience Exited"',
    build=_remove,
    batch_keys=("list_id",),
    fields=(
        *contact_fields(
            email=path("$.context.traits.email", "$.properties.email"),
            phone=path("$.context.traits.phone", "$.properties.phone"),
            external_id=path("$.userId"),
        ),
        Field(name="list_id", about=LIST_FIELD_ABOUT, default=_AUDIENCE_LIST),
        HOOK_FIELD,
    ),
)

REMOVE_PROFILE: Final = ActionSpec(
    name="removeProfile",
    title="Remove Profile",
    trigger='type = "identify"',
    build=_remove,
    batch_keys=("list_id",),
    fields=(
        *contact_fields(
            email=path("$.traits.email"),
            phone=path("$.traits.phone", "$.context.traits.phone"),
            external_id=path("$.userId"),
        ),
        Field(name="list_id", about=LIST_FIELD_ABOUT),
        HOOK_FIELD,
    ),
)
