"""Alias calls: a user id that names the same person as a previous id.

The call is decided twice: with the state of the user, for the profile, and with the
state of the previous id, so that later events by that id name the user.
"""

from enum import StrEnum
from typing import Final

import msgspec

from streams.actions.intents import (
    ConsentChange,
    IdChange,
    Intent,
    ListRemove,
    Suppression,
    identifying_attributes,
)
from streams.events.canonical_event import FIRST_ORIGIN, CanonicalEvent
from streams.events.identifiers import plausible_email, read_id
from streams.state.identity import Link
from streams.state.user_state import UserState

_STRONGER: Final = ("id", "external_id", "email", "phone_number")
"""Identifiers beside which an anonymous id does not name the person."""


class AliasPolicy(StrEnum):
    """Treatment of alias calls that no mapping is for."""

    IGNORE = "ignore"
    """Discard the call, with the reason `ignored: alias`."""

    LINK = "link"
    """Give the profile of the previous id the user's id, and name the user from now
    on."""


def id_change_of(event: CanonicalEvent, identifiers: dict[str, str]) -> IdChange | None:
    """Return the change of id that an alias call asks for; None without two ids.

    Args:
        event: The alias call.
        identifiers: Identifiers that the call gives the user.

    Raises:
        PoisonRecord: `bad-previous-id`, or another fault of the id.
    """
    previous_id = read_id(event.body, "previousId")
    external_id = identifiers.get("external_id")
    if not external_id or previous_id in {"", event.user}:
        return None
    return IdChange(profile={"external_id": external_id}, previous_id=previous_id)


def link_user_key(event: CanonicalEvent, state: UserState) -> UserState:
    """Link a previous id to the user of an alias call; the later of two calls counts.

    No address is stored: a deletion of the user would leave it behind.

    Args:
        event: The alias call.
        state: The state of the previous id.
    """
    is_same_ms = state.is_erased_after((event.time_ms, FIRST_ORIGIN))
    time_ms = event.time_ms + is_same_ms
    identity, link = state.identity, Link(time_ms=time_ms, user=event.user)
    is_stale = identity.link is not None and identity.link >= link
    if is_stale or state.is_erased_after(event.rank) or plausible_email(event.user):
        return state
    return state.with_identity(msgspec.structs.replace(identity, link=link))


def name_linked_user(intent: Intent, *, user: str, link: Link) -> Intent:
    """Name the user that a user key is linked to, in place of the user key.

    Args:
        intent: An intent of an event of the user key.
        user: The user key.
        link: The other user.
    """
    attributes = identifying_attributes(intent)
    is_by_user = attributes.get("external_id") == user
    is_by_device = not any(map(attributes.get, _STRONGER))
    match intent:
        case ConsentChange() | Suppression():
            return intent  # Klaviyo takes no external id there
        case _ if not (is_by_user or is_by_device):
            return intent
    renamed = {**attributes, "external_id": link.user}
    is_profile = not isinstance(intent, ListRemove) and hasattr(intent, "profile")
    change = {"profile" if is_profile else "identifiers": renamed}
    return msgspec.structs.replace(intent, **change)
