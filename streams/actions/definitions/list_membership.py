"""Actions that change lists: Add Profile to List, Remove Profile, and the like."""

from typing import Final

from streams.actions.definitions.profile_fields import (
    EMAIL_OF_IDENTIFY,
    EMAIL_OF_TRACK,
    HOOK_FIELD,
    LIST_FIELD_DESCRIPTION,
    attribute_fields,
    contact_fields,
    email_candidates,
    first_path,
    payload_list_id,
    phone_path,
    profile_attributes,
    read_profile_contact,
)
from streams.actions.fields import Field, Payload
from streams.actions.intents import ActionResult, ListAdd, ListRemove, PayloadRefusal
from streams.actions.spec import ActionSpec
from streams.events.identifiers import ContactRules

_NO_LIST: Final = PayloadRefusal(code="missing-field", reason="list_id is missing")

_AUDIENCE_LIST: Final = first_path(
    "$.context.personas.audience_settings.listId",
    "$.context.personas.external_audience_id",
)


def _add(payload: Payload, rules: ContactRules) -> ActionResult:
    list_id = payload_list_id(payload)
    if not list_id:
        return _NO_LIST
    contact = read_profile_contact(payload, rules=rules)
    if isinstance(contact, PayloadRefusal):
        return contact
    profile = profile_attributes(payload, contact)
    return (ListAdd(list_id=list_id, profile=profile, dropped=contact.dropped),)


def _remove(payload: Payload, rules: ContactRules) -> ActionResult:
    list_id = payload_list_id(payload)
    if not list_id:
        return _NO_LIST
    contact = read_profile_contact(payload, rules=rules)
    if isinstance(contact, PayloadRefusal):
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
            email=email_candidates(*EMAIL_OF_TRACK),
            phone=phone_path("$.context.traits", "$.properties"),
            external_id=first_path("$.userId"),
        ),
        Field(
            name="list_id", description=LIST_FIELD_DESCRIPTION, default=_AUDIENCE_LIST
        ),
        *attribute_fields(
            "$.properties", properties=first_path("$.properties.properties")
        ),
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
            email=email_candidates(*EMAIL_OF_TRACK),
            phone=phone_path("$.context.traits", "$.properties"),
            external_id=first_path("$.userId"),
        ),
        Field(
            name="list_id", description=LIST_FIELD_DESCRIPTION, default=_AUDIENCE_LIST
        ),
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
            email=email_candidates(*EMAIL_OF_IDENTIFY),
            phone=phone_path("$.traits", "$.context.traits"),
            external_id=first_path("$.userId"),
        ),
        Field(name="list_id", description=LIST_FIELD_DESCRIPTION),
        HOOK_FIELD,
    ),
)
