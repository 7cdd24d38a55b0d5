"""Decision on an event: the user's state afterwards, and what is to be delivered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson

from streams.actions.activation import (
    DEFAULT_BATCH,
    Activation,
    BatchOverride,
    lane_of,
)
from streams.actions.commands import apply_command, deleted_after
from streams.actions.intents import (
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    PayloadRefusal,
)
from streams.audiences.audience_events import (
    ENTERED_EVENT,
    EXITED_EVENT,
    Transition,
    audience_events_in,
)
from streams.destination.completion import (
    UNKNOWN_PERSON,
    UnknownPersonPolicy,
    complete_person,
    is_unknown_person,
    link_user,
    name_previous_emails,
)
from streams.destination.memberships import apply_audience_event
from streams.destination.model import Destination, MappingResult, MappingRule
from streams.destination.opt_out import OptOut, opt_out_of
from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.events.identifiers import identifiers_of
from streams.events.time import iso_from_ms
from streams.state.identity import learn
from streams.state.user_state import UserState

ADD_TO_LIST: Final = "addProfileToList"
REMOVE_FROM_LIST: Final = "removeProfileFromList"

_NOT_ABOUT_A_PERSON: Final = frozenset({"alias", "delete"})
"""Calls that teach nothing: a new name of a user, and a user's end."""

_AUDIENCE_EVENTS: Final = (ENTERED_EVENT, EXITED_EVENT)  # a name may be unhashable

DELETIONS: Final = frozenset({"deleteProfile"})
"""Actions that an opt-out never holds back: they serve a legal duty."""

WITHDRAWALS: Final = frozenset({"unsubscribeProfile", "suppressProfile"})
"""Actions that the setting `opted_out_withdrawals` lets through."""

NO_MAPPING: Final = "no-mapping"
REBUILT: Final = "rebuilt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Consequences of a single event.

    Attributes:
        state: The user's state after the event; the same object if nothing changed.
        activations: Activations to deliver, in order.
        refusals: Payloads of its mappings that cannot be acted on.
        reason: Reason for having neither activations nor refusals.
        message_id: The producer's name for the event.
    """

    state: UserState
    activations: tuple[Activation, ...] = ()
    refusals: tuple[PayloadRefusal, ...] = ()
    reason: str = ""
    message_id: str = ""


def decide(
    event: CanonicalEvent, state: UserState, *, destination: Destination
) -> Decision:
    """Apply an event to the user's state, and map the event to activations.

    Args:
        event: The event.
        state: The state of the event's user.
        destination: The synced audiences and the mappings.
    """
    builder = _DecisionBuilder(event, state, destination)
    opt_out = opt_out_of(event.body, destination.opt_out_rules)
    if opt_out and event.kind != "delete":
        builder.apply_opt_out(opt_out)
        return builder.build()
    builder.learn_identity()
    if destination.sync_audiences:
        builder.apply_audience_events()
    for rule in destination.matching_rules(event.body):
        builder.apply_mapping(rule)
    return builder.build()


class _DecisionBuilder:
    """Collector of the consequences of an event."""

    def __init__(
        self, event: CanonicalEvent, state: UserState, destination: Destination
    ) -> None:
        self._event = event
        self._state = state
        self._destination = destination
        self._activations: list[Activation] = []
        self._refusals: list[PayloadRefusal] = []
        self._reasons: list[str] = []
        self._has_new_email = False
        self._is_email_change = False
        is_about_user = event.kind == "identify"
        self._identifiers = identifiers_of(
            event,
            country=destination.contact_rules.country,
            has_own_properties=is_about_user
            or event.body.get("event") in _AUDIENCE_EVENTS,
        )

    def learn_identity(self) -> None:
        """Learn who the user is, before anything is done for the user."""
        event = self._event
        if event.kind in _NOT_ABOUT_A_PERSON or deleted_after(self._state, event):
            return
        before = self._state.identity
        after = learn(before, self._identifiers, event)
        if after is not before:
            self._state = self._state.with_identity(after)
            self._has_new_email = after.email != before.email
        self._is_email_change = self._has_new_email or after.is_email_from(
            event.time_ms  # of an event that is read again, or replayed
        )

    def apply_audience_events(self) -> None:
        """Apply the event's audience events; a fault leaves the mappings unaffected."""
        try:
            for audience_event in audience_events_in(self._event):
                result = apply_audience_event(
                    audience_event,
                    self._state,
                    event=self._event,
                    destination=self._destination,
                    build_intent=self._list_change,
                )
                self._state = result.state
                if not result.intents:
                    self._reasons.append(result.reason)
                for intent in result.intents:
                    is_removal = isinstance(intent, ListRemove)
                    action = REMOVE_FROM_LIST if is_removal else ADD_TO_LIST
                    audience = audience_event.audience
                    self._add_activation(action, intent, audience=audience)
        except PoisonRecord as fault:
            self._refusals.append(PayloadRefusal(code=fault.code, reason=fault.reason))

    def apply_opt_out(self, opt_out: OptOut) -> None:
        """Apply only the mappings that an opt-out does not hold back."""
        self._reasons.append(opt_out)
        allows_withdrawals = self._destination.opt_out_rules.allows_withdrawals
        actions = DELETIONS | WITHDRAWALS if allows_withdrawals else DELETIONS
        for rule in self._destination.matching_rules(self._event.body):
            if rule.action.name in actions:
                self.apply_mapping(rule)

    def apply_mapping(self, rule: MappingRule) -> None:
        """Apply a mapping to an event that the trigger matches."""
        rules = self._destination.contact_rules
        mapping_result = rule.apply(self._event.body, rules=rules)
        match mapping_result.result:
            case PayloadRefusal(is_noop=True) as refusal:
                self._reasons.append(refusal.code)
            case PayloadRefusal() as refusal:
                self._refusals.append(refusal)
            case intents:
                batch = batch_override_of(rule, mapping_result)
                for intent in intents:
                    self._apply_intent(intent, rule, batch=batch)

    def build(self) -> Decision:
        """Build the decision from the collected consequences."""
        if self._event.replay_mode is ReplayMode.STATE_ONLY:
            return Decision(
                state=self._state, reason=REBUILT, message_id=self._event.message_id
            )
        is_idle = not self._activations and not self._refusals
        reasons = dict.fromkeys(self._reasons or [NO_MAPPING])
        return Decision(
            state=self._state,
            activations=tuple(self._activations),
            refusals=tuple(self._refusals),
            reason=",".join(reasons) if is_idle else "",
            message_id=self._event.message_id,
        )

    def _apply_intent(
        self, intent: Intent, rule: MappingRule, *, batch: BatchOverride
    ) -> None:
        replay = self._event.replay
        failed_lanes = replay.failed_lanes if replay else frozenset[str]()
        result = apply_command(
            intent,
            self._state,
            event=self._event,
            allow_repeat=lane_of(intent) in failed_lanes,
        )
        self._state = result.state
        if result.intent is None:
            self._reasons.append(result.reason)
            return
        intent = self._complete(result.intent)
        policy = self._destination.identity_rules.unknown
        if policy is UnknownPersonPolicy.DROP and is_unknown_person(intent):
            self._reasons.append(UNKNOWN_PERSON)
            return
        self._add_activation(
            rule.action.name,
            complete_event(intent, self._event),
            batch=batch,
            expire_after_s=rule.expire_after_s,
        )

    def _list_change(self, transition: Transition, list_id: str) -> Intent:
        identifiers = self._identifiers
        if not identifiers:
            raise PoisonRecord(
                "no-identifier", "no user id, email or phone that Klaviyo accepts"
            )
        if transition.entered:
            change: Intent = ListAdd(list_id=list_id, profile={**identifiers})
        else:
            change = ListRemove(list_id=list_id, identifiers=identifiers)
        return change

    def _complete(self, intent: Intent) -> Intent:
        """Name the person as completely as is safe, where the destination allows it."""
        if not self._destination.identity_rules.complete:
            return intent
        identity = self._state.identity
        if self._has_new_email:
            intent = link_user(intent, identity)
        return complete_person(intent, identity, time_ms=self._event.time_ms)

    def _add_activation(
        self,
        action: str,
        intent: Intent,
        *,
        audience: str = "",
        batch: BatchOverride = DEFAULT_BATCH,
        expire_after_s: float = 0.0,
    ) -> None:
        if self._is_email_change:
            intent = name_previous_emails(intent, self._state.identity)
        activation = Activation(
            action=action,
            user=self._event.user,
            intent=intent,
            time_ms=self._event.time_ms,
            origin=self._event.origin,
            index=len(self._activations),
            message_id=self._event.message_id,
            audience=audience,
            batch=batch,
            expire_after_s=expire_after_s,
            replay=self._event.replay.id if self._event.replay else "",
        )
        self._activations.append(activation)


def complete_event(intent: Intent, event: CanonicalEvent) -> Intent:
    """Fill in the time and unique id of an event record that has none.

    Klaviyo would take the time of arrival, and keep one event a second. An old event
    that a replay brings in fires no flow.
    """
    if not isinstance(intent, EventRecord):
        return intent
    if event.replay and event.time_ms < event.replay.backfill_before_ms:
        intent = msgspec.structs.replace(intent, backfill=True)
    if intent.time and intent.unique_id:
        return intent
    origin = f"{event.origin}@{event.time_ms}"
    return msgspec.structs.replace(
        intent,
        time=intent.time or iso_from_ms(event.time_ms),
        unique_id=intent.unique_id or event.message_id or origin,
    )


def batch_override_of(
    rule: MappingRule, mapping_result: MappingResult
) -> BatchOverride:
    """Return the batching of a mapping, where different from that of the action."""
    batching, action = rule.batching, rule.action
    if not batching.enabled:
        return BatchOverride(items_max=1)
    items_max = 0 if batching.size == action.batch_size else batching.size
    if batching.keys == action.batch_keys:
        return BatchOverride(items_max=items_max) if items_max else DEFAULT_BATCH
    key = _batch_key(mapping_result.payload, batching.keys)
    return BatchOverride(items_max=items_max, key=key)


def _batch_key(payload: dict[str, Any], names: tuple[str, ...]) -> str:
    return orjson.dumps(list(_values(payload, names))).decode()


def _values(payload: dict[str, Any], names: tuple[str, ...]) -> Iterator[Any]:
    for name in names:
        yield payload.get(name)
