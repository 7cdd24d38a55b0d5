"""Decision on an event: the user's row afterwards, and the activations to deliver."""

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
from streams.actions.commands import CommandResult, apply_command
from streams.actions.intents import (
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    PayloadRefusal,
)
from streams.audiences.audience_events import audience_events_in
from streams.audiences.transition import Transition
from streams.destination.memberships import apply_audience_event
from streams.destination.model import Destination, MappingResult, MappingRule
from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.events.identifiers import identifiers_of
from streams.events.time import iso_from_ms
from streams.state.user_row import UserRow

ADD_TO_LIST: Final = "addProfileToList"
REMOVE_FROM_LIST: Final = "removeProfileFromList"

NO_MAPPING: Final = "no-mapping"
REBUILT: Final = "rebuilt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Consequences of a single event.

    Attributes:
        row: The user's row after the event; the same object if nothing changed.
        activations: Activations to deliver, in order.
        refusals: Payloads of its mappings that cannot be acted on.
        reason: Reason for having neither activations nor refusals.
        message_id: The producer's name for the event.
    """

    row: UserRow
    activations: tuple[Activation, ...] = ()
    refusals: tuple[PayloadRefusal, ...] = ()
    reason: str = ""
    message_id: str = ""


def decide(
    event: CanonicalEvent, row: UserRow, *, destination: Destination
) -> Decision:
    """Apply an event to the user's row, and map the event to activations.

    Args:
        event: The event.
        row: The row of the event's user.
        destination: The synced audiences and the mappings.
    """
    builder = _DecisionBuilder(event, row, destination)
    if destination.sync_audiences:
        builder.apply_audience_events()
    for rule in destination.matching_rules(event.body):
        builder.apply_mapping(rule)
    return builder.build()


class _DecisionBuilder:
    """Collector of the consequences of an event."""

    def __init__(
        self, event: CanonicalEvent, row: UserRow, destination: Destination
    ) -> None:
        self._event = event
        self._row = row
        self._destination = destination
        self._activations: list[Activation] = []
        self._refusals: list[PayloadRefusal] = []
        self._reasons: list[str] = []

    def apply_audience_events(self) -> None:
        """Apply the event's audience events; a fault leaves the mappings unaffected."""
        try:
            for audience_event in audience_events_in(self._event):
                result = apply_audience_event(
                    audience_event,
                    self._row,
                    event=self._event,
                    destination=self._destination,
                    build_intent=self._list_change,
                )
                self._add_list_change(result, audience=audience_event.audience)
        except PoisonRecord as fault:
            self._refusals.append(PayloadRefusal(code=fault.code, reason=fault.reason))

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
                row=self._row, reason=REBUILT, message_id=self._event.message_id
            )
        is_idle = not self._activations and not self._refusals
        reasons = dict.fromkeys(self._reasons or [NO_MAPPING])
        return Decision(
            row=self._row,
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
            self._row,
            event=self._event,
            allow_repeat=lane_of(intent) in failed_lanes,
        )
        self._row = result.row
        if result.intent is None:
            self._reasons.append(result.reason)
            return
        self._add_activation(
            rule.action.name,
            complete_event(result.intent, self._event),
            batch=batch,
            expire_after_s=rule.expire_after_s,
        )

    def _add_list_change(self, result: CommandResult, *, audience: str) -> None:
        self._row = result.row
        if result.intent is None:
            self._reasons.append(result.reason)
            return
        is_removal = isinstance(result.intent, ListRemove)
        action = REMOVE_FROM_LIST if is_removal else ADD_TO_LIST
        self._add_activation(action, result.intent, audience=audience)

    def _list_change(
        self, transition: Transition, list_id: str
    ) -> ListAdd | ListRemove:
        country = self._destination.contact_rules.country
        identifiers = identifiers_of(self._event, country=country)
        if not identifiers:
            raise PoisonRecord(
                "no-identifier", "no user id, email or phone that Klaviyo accepts"
            )
        if transition.entered:
            return ListAdd(list_id=list_id, profile={**identifiers})
        return ListRemove(list_id=list_id, identifiers=identifiers)

    def _add_activation(
        self,
        action: str,
        intent: Intent,
        *,
        audience: str = "",
        batch: BatchOverride = DEFAULT_BATCH,
        expire_after_s: float = 0.0,
    ) -> None:
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
