"""Decision on an event: the user's state afterwards, and the activations to deliver."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from streams.actions.activation import DEFAULT_BATCH, Activation, BatchOverride, lane_of
from streams.actions.commands import apply_command
from streams.actions.intents import (
    Deletion,
    Intent,
    ListAdd,
    ListRemove,
    PayloadRefusal,
)
from streams.actions.shared_profiles import forget_user
from streams.audiences.audience_events import (
    AUDIENCE_EVENTS,
    MAYBE_AUDIENCE_EVENTS,
    audience_events_in,
)
from streams.destination.aliases import AliasPolicy, id_change_of, name_linked_user
from streams.destination.completion import (
    UNKNOWN_PERSON,
    UnknownPersonPolicy,
    complete_event,
    complete_person,
    is_unknown_person,
    link_user,
    makes_unknown_profile,
    name_previous_emails,
    previous_emails_of,
)
from streams.destination.memberships import (
    apply_audience_event,
    edge_of,
    list_change,
    move_memberships,
)
from streams.destination.model import (
    NOBODY,
    Destination,
    MappingRule,
    batch_override_of,
)
from streams.destination.opt_out import OptOut, opt_out_of
from streams.errors import PoisonRecord
from streams.events.canonical_event import FIRST_ORIGIN, CanonicalEvent, ReplayMode
from streams.events.identifiers import identifiers_of
from streams.events.row import CHANGE_NAMES, is_row, row_audience, row_table
from streams.state.identity import Link, learn
from streams.state.user_state import UserState

ADD_TO_LIST: Final = "addProfileToList"
REMOVE_FROM_LIST: Final = "removeProfileFromList"

_NOT_ABOUT_A_PERSON: Final = frozenset({"alias", "delete"})
"""Calls that teach nothing: a new name of a user, and a user's end."""

_LIST_ACTION: Final = {ListAdd: ADD_TO_LIST, ListRemove: REMOVE_FROM_LIST}

LIST_ACTIONS: Final = frozenset({ADD_TO_LIST, REMOVE_FROM_LIST, "removeProfile"})
"""Actions that move a person to a list or off it, and do nothing else."""

DELETIONS: Final = frozenset({"deleteProfile"})
"""Actions that an opt-out never holds back: they serve a legal duty."""

WITHDRAWALS: Final = frozenset({"unsubscribeProfile", "suppressProfile"})
"""Actions that the setting `opted_out_withdrawals` lets through."""

NO_MAPPING: Final = "no-mapping"
REASONS_WITHOUT_MAPPING: Final = {"alias": "ignored: alias", "group": "ignored: group"}
"""Reasons for calls that Klaviyo has no counterpart of; for others it is `NO_MAPPING`.
"""
REBUILT: Final = "rebuilt"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Consequences of a single event.

    Attributes:
        state: The user's state after the event; the same object if nothing changed.
        activations: Activations to deliver, in order.
        refusals: Payloads of its mappings that cannot be acted on.
        reason: Reason for having neither activations nor refusals.
        message_id: The producer's name for the event.
        is_held: Whether the event waits and is then decided anew; nothing has changed.
        previous_id: User key that an alias call links to the user; empty for none.
    """

    state: UserState
    activations: tuple[Activation, ...] = ()
    refusals: tuple[PayloadRefusal, ...] = ()
    reason: str = ""
    message_id: str = ""
    is_held: bool = False
    previous_id: str = ""


def decide(
    event: CanonicalEvent,
    state: UserState,
    *,
    destination: Destination,
    was_held: bool = False,
) -> Decision:
    """Apply an event to the user's state, and map the event to activations.

    Args:
        event: The event.
        state: The state of the event's user.
        destination: The synced audiences and the mappings.
        was_held: Whether the event has waited for its person to become known.
    """
    name = event.body.get("event")
    is_row_event = name in CHANGE_NAMES and is_row(event.body)
    is_audience_event = name in AUDIENCE_EVENTS or (
        name in MAYBE_AUDIENCE_EVENTS and bool(row_audience(event.body))
    )
    identifiers = identifiers_of(
        event,
        country=destination.contact_rules.country,
        has_own_properties=is_audience_event or event.kind == "identify",
    )
    builder = _DecisionBuilder(
        event, state, destination, identifiers, is_row_event=is_row_event
    )
    opt_out = opt_out_of(event.body, destination.opt_out_rules)
    if opt_out and event.kind != "delete":
        builder.apply_opt_out(opt_out)
        return builder.build()
    builder.learn_identity()
    if builder.has_new_email and destination.identity_rules.shared_profiles:
        builder.move_memberships()
    if destination.sync_audiences and not (is_row_event and builder.moves_lists):
        builder.apply_audience_events()
    for rule in destination.rules_by_name.matching(event.body):
        builder.apply_mapping(rule)
    if destination.identity_rules.alias is AliasPolicy.LINK and event.kind == "alias":
        builder.apply_alias()
    may_hold = destination.identity_rules.unknown is UnknownPersonPolicy.HOLD
    if may_hold and not was_held and builder.waits_for_person:
        return Decision(state=state, is_held=True)
    if destination.identity_rules.shared_profiles:
        builder.activations += forget_user(event, state, builder.state)
    return builder.build()


@dataclass(slots=True)
class _DecisionBuilder:
    """Collector of the consequences of an event.

    Attributes:
        event: The event.
        state: The user's state, with the changes so far.
        destination: The synced audiences and the mappings.
        identifiers: Identifiers that the event itself gives the user.
        activations: Activations so far.
        refusals: Refused payloads so far.
        reasons: Reasons so far for doing nothing.
        has_new_email: Whether the event changes the user's address.
        previous_emails: Addresses that updates name as previous ones; empty if the
            address has not been new within the last day.
        previous_id: User key that an alias call links to the user; empty for none.
        link: The user that the user key is linked to; None for none.
        is_row_event: Whether the event is a row.
    """

    event: CanonicalEvent
    state: UserState
    destination: Destination
    identifiers: dict[str, str]
    activations: list[Activation] = field(default_factory=list)
    refusals: list[PayloadRefusal] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    has_new_email: bool = False
    previous_emails: tuple[str, ...] = ()
    previous_id: str = ""
    link: Link | None = None
    is_row_event: bool = False

    def learn_identity(self) -> None:
        """Learn who the user is, before anything is done for the user."""
        event, self.link = self.event, self.state.identity.link
        is_erased = self.state.is_erased_after(event.rank)
        if is_erased or event.kind in _NOT_ABOUT_A_PERSON:
            return
        if self.state.is_erased_after((event.time_ms, FIRST_ORIGIN)):
            # The deletion of the same millisecond comes first, by its origin.
            event = replace(event, time_ms=event.time_ms + 1)
        before = self.state.identity
        # If its own key is the user key, no other row is about the user: the address in
        # it is the current one, as that of an identify call is.
        has_key_of_row = self.is_row_event and bool(row_table(event.body))
        is_person = has_key_of_row and not event.body.get("userId")
        is_identify = event.kind == "identify" or is_person
        after = learn(before, self.identifiers, event, is_identify=is_identify)
        if after is not before:
            self.state = self.state.with_identity(after)
            self.has_new_email = after.email != before.email
        is_new = self.has_new_email or after.is_email_from(event.time_ms)
        if before.emails and is_new:
            self.previous_emails = previous_emails_of(before, after)

    def apply_alias(self) -> None:
        """Give the profile of the previous id the user's id."""
        try:
            change = id_change_of(self.event, self.identifiers)
        except PoisonRecord as fault:
            self.refusals.append(PayloadRefusal(code=fault.code, reason=fault.reason))
            return
        if change is None:
            return
        result = apply_command(change, self.state, event=self.event)
        if result.intent is None:
            self.reasons.append(result.reason)
            return
        self.previous_id = change.previous_id
        self._add_activation("alias", self._complete(change))

    def apply_audience_events(self) -> None:
        """Apply the event's audience events; a fault leaves the mappings unaffected."""
        person = self._known_person if self.is_row_event else self.identifiers
        try:
            for audience_event in audience_events_in(self.event):
                result = apply_audience_event(
                    audience_event,
                    self.state,
                    event=self.event,
                    destination=self.destination,
                    build_intent=partial(list_change, person),
                )
                self.state = result.state
                if not result.intents:
                    self.reasons.append(result.reason)
                audience = audience_event.audience
                for intent in result.intents:
                    action = _LIST_ACTION[type(intent)]
                    self._add_activation(action, intent, audience=audience)
        except PoisonRecord as fault:
            self.refusals.append(PayloadRefusal(code=fault.code, reason=fault.reason))

    def move_memberships(self) -> None:
        """Move the memberships to the profile of the user's new address."""
        email = "".join(self.previous_emails[:1])
        self.state, changes = move_memberships(self.state, email, self.destination)
        for audience, intent, (time_ms, origin) in changes:
            self._add_activation(_LIST_ACTION[type(intent)], intent, audience=audience)
            added = self.activations.pop()
            self.activations.append(replace(added, time_ms=time_ms, origin=origin))

    def apply_opt_out(self, opt_out: OptOut) -> None:
        """Apply only the mappings that an opt-out does not hold back."""
        self.reasons.append(opt_out)
        allows_withdrawals = self.destination.opt_out_rules.allows_withdrawals
        actions = DELETIONS | WITHDRAWALS if allows_withdrawals else DELETIONS
        for rule in self.destination.rules_by_name.matching(self.event.body):
            if rule.action.name in actions:
                self.apply_mapping(rule)

    def apply_mapping(self, rule: MappingRule) -> None:
        """Apply a mapping to an event that the trigger matches."""
        rules = self.destination.contact_rules
        person = self._known_person if self.is_row_event else NOBODY
        mapping_result = rule.apply(self.event.body, rules=rules, person=person)
        match mapping_result.result:
            case PayloadRefusal(is_noop=True) as refusal:
                self.reasons.append(refusal.code)
            case PayloadRefusal() as refusal:
                self.refusals.append(refusal)
            case intents:
                batch = batch_override_of(rule, mapping_result)
                for intent in intents:
                    self._apply_intent(intent, rule, batch=batch)

    @property
    def moves_lists(self) -> bool:
        """True if a mapping changes the person's membership of a list."""
        rules = self.destination.rules_by_name.matching(self.event.body)
        return any(rule.action.name in LIST_ACTIONS for rule in rules)

    @property
    def _known_person(self) -> dict[str, str]:
        """Identifiers of the row's person, from the event or else from the state."""
        if self.identifiers:
            return self.identifiers
        identity = self.state.identity
        known = {"external_id": identity.external_id, "email": identity.email}
        return {name: value for name, value in known.items() if value}

    @property
    def waits_for_person(self) -> bool:
        """True if the event of a person still unknown would make a second profile.

        The order of last writes is that of event times, so nothing is lost by deciding
        the event later. A rebuild of the table waits too: if it were first, it would
        make a duplicate of the same event that is held.
        """
        identity = self.state.identity
        if identity.email or identity.phone:
            return False
        intents = [activation.intent for activation in self.activations]
        is_deletion = any(isinstance(intent, Deletion) for intent in intents)
        return not is_deletion and any(map(makes_unknown_profile, intents))

    def build(self) -> Decision:
        """Build the decision from the collected consequences."""
        if self.event.replay_mode is ReplayMode.STATE_ONLY:
            return Decision(
                state=self.state,
                activations=tuple(one for one in self.activations if one.edge),
                reason=REBUILT,
                message_id=self.event.message_id,
                previous_id=self.previous_id,
            )
        reasons: Iterable[str] = ()
        if not self.activations and not self.refusals:
            default = REASONS_WITHOUT_MAPPING.get(self.event.kind, NO_MAPPING)
            reasons = dict.fromkeys(self.reasons or [default])
        return Decision(
            state=self.state,
            activations=tuple(self.activations),
            refusals=tuple(self.refusals),
            reason=",".join(reasons),
            message_id=self.event.message_id,
            previous_id=self.previous_id,
        )

    def _apply_intent(
        self, intent: Intent, rule: MappingRule, *, batch: BatchOverride
    ) -> None:
        replay = self.event.replay
        result = apply_command(
            intent,
            self.state,
            event=self.event,
            allow_repeat=replay is not None and lane_of(intent) in replay.failed_lanes,
        )
        self.state = result.state
        if result.intent is None:
            self.reasons.append(result.reason)
            return
        intent = self._complete(result.intent)
        policy = self.destination.identity_rules.unknown
        if policy is UnknownPersonPolicy.DROP and is_unknown_person(intent):
            self.reasons.append(UNKNOWN_PERSON)
            return
        self._add_activation(
            rule.action.name,
            complete_event(intent, self.event),
            batch=batch,
            rule=rule,
        )

    def _complete(self, intent: Intent) -> Intent:
        """Name the person as completely as is safe, if the destination allows that."""
        if not self.destination.identity_rules.complete:
            return intent
        identity = self.state.identity
        if self.has_new_email or identity.previous_emails:
            intent = link_user(intent, identity)
        return complete_person(intent, identity, time_ms=self.event.time_ms)

    def _add_activation(
        self,
        action: str,
        intent: Intent,
        *,
        audience: str = "",
        batch: BatchOverride = DEFAULT_BATCH,
        rule: MappingRule | None = None,
    ) -> None:
        if self.link:
            intent = name_linked_user(intent, user=self.event.user, link=self.link)
        if self.previous_emails:
            intent = name_previous_emails(
                intent, self.state.identity.email, self.previous_emails
            )
        rules = self.destination.identity_rules
        may_be_shared = rules.shared_profiles and bool(audience)
        activation = Activation(
            action=action,
            user=self.event.user,
            intent=intent,
            time_ms=self.event.time_ms,
            origin=self.event.origin,
            index=len(self.activations),
            message_id=self.event.message_id,
            audience=audience,
            batch=batch,
            expire_after_s=rule.expire_after_s if rule else 0.0,
            replay=self.event.replay.id if self.event.replay else "",
            edge=edge_of(intent, audience, self.state) if may_be_shared else "",
            mapping=rule.name if rule else "",
        )
        self.activations.append(activation)
