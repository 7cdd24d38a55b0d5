"""What one event makes of a user's row, and what is to be done for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
import orjson

from streams.actions.activation import DEFAULT_BATCH, Activation, BatchOverride, lane_of
from streams.actions.attributes import drop_stale_attributes
from streams.actions.commands import apply_command, deleted_after
from streams.actions.intents import (
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    PayloadRefusal,
)
from streams.audiences.audience_events import AudienceEvent, audience_events_in
from streams.audiences.transition import Transition, TransitionReason, apply_event
from streams.destination.model import Destination, MappingResult, MappingRule
from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.events.contact import ContactRules, normalize_email, normalize_phone
from streams.events.identifiers import identifiers_of
from streams.events.iso_time import iso_from_ms
from streams.state.user_row import UserRow

ADD_TO_LIST: Final = "addProfileToList"
REMOVE_FROM_LIST: Final = "removeProfileFromList"

NOT_SYNCED: Final = "audience-not-synced"
NO_MAPPING: Final = "no-mapping"
REBUILT: Final = "rebuilt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from one event.

    Attributes:
        row: The user's row after it; the same object when nothing moved.
        activations: What is to be done, in order.
        refusals: What its mappings made that can't be done.
        reason: Why nothing is to be done, when nothing is.
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
    """Move a user's memberships by one event, and map it.

    Args:
        event: The event.
        row: Audience -> membership, of this event's user.
        destination: Which audiences are synced, and what the mappings are.
    """
    builder = _DecisionBuilder(event, row, destination)
    if destination.sync_audiences:
        builder.apply_audience_events()
    for rule in destination.matching_rules(event.body):
        builder.apply_mapping(rule)
    return builder.build()


class _DecisionBuilder:
    """What one event adds up to."""

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
        """Let count what the event says of audiences; the rest of it counts anyway."""
        try:
            for audience_event in audience_events_in(self._event):
                self._apply_audience_event(audience_event)
        except PoisonRecord as fault:
            self._refusals.append(PayloadRefusal(code=fault.code, reason=fault.reason))

    def _apply_audience_event(self, audience_event: AudienceEvent) -> None:
        """Let one count; an edge becomes a list change."""
        rule = self._destination.audiences.get(audience_event.audience)
        if rule is not None and not rule.enabled:
            self._reasons.append(NOT_SYNCED)
            return
        event = self._event
        if deleted_after(self._row, event):
            self._reasons.append(TransitionReason.STALE)
            return
        after, transition, reason = apply_event(
            self._row.get(audience_event.audience),
            audience_event,
            time_ms=event.time_ms,
            origin=event.origin,
            message_id=event.message_id,
            mode=event.replay.mode if event.replay else None,
        )
        rule_list_id = rule.list_id if rule is not None else ""
        change = (
            self._list_change(transition, transition.list_id or rule_list_id)
            if transition
            else None
        )
        if after is not None:
            self._row = {**self._row, audience_event.audience: after}
        if change is None:
            self._reasons.append(reason)
            return
        if isinstance(change, ListRemove):
            self._add_activation(
                REMOVE_FROM_LIST, change, audience=audience_event.audience
            )
            return
        list_add, self._row, _ = drop_stale_attributes(change, self._row, event=event)
        self._add_activation(ADD_TO_LIST, list_add, audience=audience_event.audience)

    def apply_mapping(self, rule: MappingRule) -> None:
        """Let a mapping count that takes the event."""
        rules = self._destination.contact_rules
        mapping_result = rule.apply(self._event.body, rules=rules)
        if isinstance(mapping_result.result, PayloadRefusal):
            if mapping_result.result.is_noop:
                self._reasons.append(mapping_result.result.code)
            else:
                self._refusals.append(mapping_result.result)
            return
        batch = batch_override_of(rule, mapping_result)
        for intent in mapping_result.result:
            replay = self._event.replay
            allow_repeat = replay is not None and lane_of(intent) in replay.failed_lanes
            result = apply_command(
                intent, self._row, event=self._event, allow_repeat=allow_repeat
            )
            self._row = result.row
            if result.intent is None:
                self._reasons.append(result.reason)
            else:
                completed = complete_event(result.intent, self._event)
                self._add_activation(
                    mapping_result.action,
                    completed,
                    batch=batch,
                    expire_after_s=rule.expire_after_s,
                )

    def build(self) -> Decision:
        """All of it."""
        replay = self._event.replay
        if replay and replay.mode is ReplayMode.STATE_ONLY:
            return Decision(
                row=self._row,
                reason=REBUILT,
                message_id=self._event.message_id,
            )
        idle = not self._activations and not self._refusals
        reasons = dict.fromkeys(self._reasons or [NO_MAPPING])
        return Decision(
            row=self._row,
            activations=tuple(self._activations),
            refusals=tuple(self._refusals),
            reason=",".join(reasons) if idle else "",
            message_id=self._event.message_id,
        )

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

    def _list_change(
        self, transition: Transition, list_id: str
    ) -> ListAdd | ListRemove:
        identifiers = audience_identifiers(
            self._event, rules=self._destination.contact_rules
        )
        if not identifiers:
            raise PoisonRecord(
                "no-identifier", "no user id, email or phone Klaviyo takes"
            )
        if transition.entered:
            return ListAdd(list_id=list_id, profile={**identifiers})
        return ListRemove(list_id=list_id, identifiers=identifiers)


def audience_identifiers(
    event: CanonicalEvent, *, rules: ContactRules
) -> dict[str, str]:
    """Name whom an event's audience moves: what Klaviyo takes of its identifiers."""
    identifiers = identifiers_of(
        event, normalize_phone=partial(normalize_phone, country=rules.country)
    )
    if not normalize_email(identifiers.get("email", "")):
        identifiers.pop("email", None)
    return identifiers


def complete_event(intent: Intent, event: CanonicalEvent) -> Intent:
    """Give an event that has no time or unique id those of its record.

    Klaviyo would take the time of its arrival, and keep one event a second. An event
    of long ago that a replay brings fires no flow.
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
    """Say what a mapping's payload may share a request with."""
    batching, action = rule.batching, rule.action
    if not batching.enabled:
        return BatchOverride(items_max=1)
    items_max = 0 if batching.size == action.batch_size else batching.size
    if batching.keys == action.batch_keys:
        return BatchOverride(items_max=items_max) if items_max else DEFAULT_BATCH
    return BatchOverride(
        items_max=items_max, key=_batch_key(mapping_result.payload, batching.keys)
    )


def _batch_key(payload: dict[str, Any], names: tuple[str, ...]) -> str:
    return orjson.dumps(list(_values(payload, names))).decode()


def _values(payload: dict[str, Any], names: tuple[str, ...]) -> Iterator[Any]:
    for name in names:
        yield payload.get(name)
