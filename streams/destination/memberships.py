"""Application of an audience event to a user's state: the rule of both decisions.

`decide` applies the audience events of a source event, `revalidate` applies that of an
activation which comes back from a lane or a dead letter.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from streams.actions.attributes import drop_stale_attributes
from streams.actions.intents import (
    Intent,
    ListAdd,
    ListRemove,
    identifying_attributes,
)
from streams.actions.shared_profiles import edge_key
from streams.audiences.audience_events import (
    TRANSITION_REASONS,
    AudienceEvent,
    Transition,
    TransitionReason,
    apply_event,
)
from streams.destination.completion import complete_person
from streams.destination.model import AudienceRule, Destination
from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent
from streams.state.entries import LastWrite, Rank
from streams.state.user_state import UserState

NOT_SYNCED: Final = "audience-not-synced"

ADDRESSES_MAX: Final = 16
"""Ours: addresses remembered for a membership; Engage sends each a user has."""

USER_ID: Final = "user-id"
"""Remembered in place of an address for a profile that entered by user id alone."""

BuildIntent = Callable[[Transition, str], Intent]
"""Builds the list change for a transition and a list id, which may be empty."""


class AudienceResult(NamedTuple):
    """Effect of an audience event.

    Attributes:
        intents: List changes to execute; several where an exit takes off profiles that
            entered by other addresses.
        state: The user's state after the event; the same object if nothing changed.
        reason: Reason for the list changes, or for their absence.
    """

    intents: tuple[Intent, ...]
    state: UserState
    reason: str


def apply_audience_event(
    audience_event: AudienceEvent,
    state: UserState,
    *,
    event: CanonicalEvent,
    destination: Destination,
    build_intent: BuildIntent,
) -> AudienceResult:
    """Apply an audience event to the user's state; a transition becomes a list change.

    The list is the one that the event names, else the one that the destination names,
    else the audience's own list (empty).

    Args:
        audience_event: Statement that the user entered or exited an audience.
        state: The user's state.
        event: The event that makes the statement.
        destination: Which audiences are synced, and their lists.
        build_intent: Builds the list change; an error leaves the state as it is.
    """
    audience = audience_event.audience
    rule = destination.audiences.get(audience, AudienceRule())
    if not (destination.sync_audiences and rule.enabled):
        return AudienceResult((), state, NOT_SYNCED)
    if state.is_erased_after(event.rank):
        return AudienceResult((), state, TransitionReason.STALE)
    before = state.membership(audience)
    after, transition, reason = apply_event(
        before,
        audience_event,
        time_ms=event.time_ms,
        origin=event.origin,
        message_id=event.message_id,
        mode=event.replay_mode,
    )
    is_completed = destination.identity_rules.complete
    change = _ListChange(event, state, is_completed, build_intent)
    intent = None
    if transition is not None:
        intent = change.build(transition, transition.list_id or rule.list_id)
    elif before is not None and after is not None and after.origin == event.origin:
        list_id = after.list_id or rule.list_id
        intent = change.build_further(audience_event, before, list_id)
        reason = TRANSITION_REASONS[audience_event.entered] if intent else reason
    state = change.state
    if after is not None:
        after = _with_address(after, before, _address_of(intent))
        state = state.with_membership(audience, after)
    if intent is None:
        return AudienceResult((), state, reason)
    if not (isinstance(intent, ListRemove) and before and before.inside):
        return AudienceResult((intent,), state, reason)
    removals = _removals(intent, before.addresses)
    return AudienceResult((intent, *removals), state, reason)


@dataclass(slots=True)
class _ListChange:
    """List change for an event, with fresh attributes and a complete person.

    Attributes:
        event: The event.
        state: State of the user, with the attributes of a change that is executed.
        is_completed: Whether persons are named as completely as is safe.
        build_intent: Builds the list change.
    """

    event: CanonicalEvent
    state: UserState
    is_completed: bool
    build_intent: BuildIntent

    def build(self, transition: Transition, list_id: str) -> Intent:
        """Build the change of a transition.

        Raises:
            PoisonRecord: `no-identifier`.
        """
        intent, event = self.build_intent(transition, list_id), self.event
        if isinstance(intent, ListAdd):
            intent, self.state, _ = drop_stale_attributes(
                intent, self.state, event=event
            )
        if not self.is_completed:
            return intent
        return complete_person(intent, self.state.identity, time_ms=event.time_ms)

    def build_further(
        self, audience_event: AudienceEvent, before: LastWrite, list_id: str
    ) -> Intent | None:
        """Build the change for a repeat that names a further profile; else None.

        Engage sends an event for each address of a user. An event that names nothing
        new, or nothing at all, calls nothing.
        """
        transition = Transition(
            audience=audience_event.audience,
            entered=audience_event.entered,
            list_id=list_id,
        )
        state = self.state
        try:
            intent = self.build(transition, list_id)
        except PoisonRecord:
            return None
        if _address_of(intent) not in {"", *before.addresses}:
            return intent
        self.state = state
        return None


def edge_of(intent: Intent, audience: str, state: UserState) -> str:
    """Return the key of the edge that a list change is about.

    It is empty if the change names no address that the membership remembers: nothing
    would find the edge when the user is deleted.

    Args:
        intent: The list change.
        audience: The audience key.
        state: State of the user after the event.
    """
    address, membership = _address_of(intent), state.membership(audience)
    if membership is None or address not in {*membership.addresses} - {USER_ID}:
        return ""
    return edge_key(audience, address)


def _address_of(intent: Intent | None) -> str:
    """Return the address or user-id mark of a list change, for the membership."""
    if intent is None:
        return ""
    identifiers = identifying_attributes(intent)
    if email := identifiers.get("email"):
        return str(email).lower()
    return USER_ID if identifiers.get("external_id") else ""


def _with_address(
    after: LastWrite, before: LastWrite | None, address: str
) -> LastWrite:
    """Add an address to a membership; a new entry drops the earlier addresses."""
    is_new_entry = after.inside and not (before and before.inside)
    earlier = () if before is None or is_new_entry else before.addresses
    addresses = earlier
    if address and address not in earlier:
        addresses = tuple(sorted((*earlier, address))[:ADDRESSES_MAX])
    if addresses == after.addresses:
        return after
    return msgspec.structs.replace(after, addresses=addresses)


def _removals(intent: ListRemove, addresses: Iterable[str]) -> Iterator[ListRemove]:
    """Yield removals of the profiles that entered by other addresses."""
    for address in addresses:
        if address not in {USER_ID, _address_of(intent)}:
            yield msgspec.structs.replace(intent, identifiers={"email": address})


def list_change(
    identifiers: dict[str, str], transition: Transition, list_id: str
) -> Intent:
    """Build the list change of a transition.

    Args:
        identifiers: Identifiers of the person.
        transition: The transition.
        list_id: The list; empty for the audience's own.

    Raises:
        PoisonRecord: `no-identifier`.
    """
    if not identifiers:
        raise PoisonRecord(
            "no-identifier", "no user id, email or phone that Klaviyo accepts"
        )
    if transition.entered:
        return ListAdd(list_id=list_id, profile={**identifiers})
    return ListRemove(list_id=list_id, identifiers=identifiers)


def move_memberships(
    state: UserState, previous_email: str, destination: Destination
) -> tuple[UserState, list[tuple[str, Intent, Rank]]]:
    """Move a user whose address has changed from one profile to another.

    The profile of the new address is added to the list of each audience that the user
    is inside by the previous address, or by user id alone if there was none. The
    profile of the previous address is removed, if there is one by then.

    Args:
        state: The user's state, with the new address.
        previous_email: The address that was current before; empty for none.
        destination: Which audiences are synced, and their lists.

    Returns:
        The state with the new address in the memberships; and of each list change the
        audience, and the rank of the entry, which an exit may follow before the address
        changes.
    """
    identity, changes = state.identity, list[tuple[str, Intent, Rank]]()
    known = {"email": identity.email, "external_id": identity.external_id}
    person = {name: value for name, value in known.items() if value}
    memberships = {
        audience: write
        for audience, write in state.memberships.items()
        if write.inside and (previous_email or USER_ID) in write.addresses
    }
    for audience, write in memberships.items():
        rule = destination.audiences.get(audience, AudienceRule())
        if not (destination.sync_audiences and rule.enabled):
            continue
        list_id = write.list_id or rule.list_id
        memberships[audience] = _with_address(write, write, identity.email)
        add = ListAdd(list_id=list_id, profile=person)
        changes.append((audience, add, write.rank))
        if previous_email:
            previous = {"email": previous_email}
            removal = ListRemove(list_id=list_id, identifiers=previous)
            changes.append((audience, removal, write.rank))
    return state.with_memberships(memberships), changes
