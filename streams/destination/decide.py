"""What one event makes of a user's row, and what is to be done for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
import orjson

from streams.actions.activation import ANY_BATCH, Activation, Batch, lane_of
from streams.actions.attributes import fresh
from streams.actions.commands import deleted_later, newest
from streams.actions.intents import EventRecord, Intent, ListAdd, ListRemove, Refusal
from streams.actions.times import iso_of_ms
from streams.audiences.reading import AudienceMove, audience_moves
from streams.audiences.row import Memberships
from streams.audiences.transition import Edge, Why, cross
from streams.destination.model import Activated, Destination, MappingRule
from streams.errors import PoisonRecord
from streams.events.contact import ContactRules, email_of, phone_of
from streams.events.identity import identifiers_of
from streams.events.model import CanonicalEvent, ReplayMode

ADD: Final = "addProfileToList"
REMOVE: Final = "removeProfileFromList"

NOT_SYNCED: Final = "audience-not-synced"
NO_MAPPING: Final = "no-mapping"
REBUILT: Final = "rebuilt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from one event.

    Attributes:
        memberships: The user's row after it; the same object when nothing moved.
        activations: What is to be done, in order.
        refusals: What its mappings made that can't be done.
        reason: Why nothing is to be done, when nothing is.
        message_id: The producer's name for the event.
    """

    memberships: Memberships
    activations: tuple[Activation, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    reason: str = ""
    message_id: str = ""


def decide(
    event: CanonicalEvent, memberships: Memberships, *, destination: Destination
) -> Decision:
    """Move a user's memberships by one event, and map it.

    Args:
        event: The event.
        memberships: Audience -> membership, of this event's user.
        destination: Which audiences are synced, and what the mappings are.
    """
    work = _Work(event, memberships, destination)
    if destination.sync_audiences:
        work.sync()
    for rule in destination.matching(event.body):
        work.map(rule)
    return work.decision()


class _Work:
    """What one event adds up to."""

    def __init__(
        self, event: CanonicalEvent, row: Memberships, destination: Destination
    ) -> None:
        self._event = event
        self._row = row
        self._destination = destination
        self._activations: list[Activation] = []
        self._refusals: list[Refusal] = []
        self._reasons: list[str] = []

    def sync(self) -> None:
        """Let count what the event says of audiences; the rest of it counts anyway."""
        try:
            for move in audience_moves(self._event):
                self._move(move)
        except PoisonRecord as fault:
            self._refusals.append(Refusal(code=fault.code, reason=fault.reason))

    def _move(self, move: AudienceMove) -> None:
        """Let one count; an edge becomes a list change."""
        rule = self._destination.audiences.get(move.audience)
        if rule is not None and not rule.enabled:
            self._reasons.append(NOT_SYNCED)
            return
        event = self._event
        if deleted_later(self._row, event):
            self._reasons.append(Why.STALE)
            return
        moved, edge, why = cross(
            self._row.get(move.audience),
            move,
            time_ms=event.time_ms,
            origin=event.origin,
            message_id=event.message_id,
            mode=event.replay.mode if event.replay else None,
        )
        named = rule.list_id if rule is not None else ""
        change = self._list_change(edge, edge.list_id or named) if edge else None
        if moved is not None:
            self._row = {**self._row, move.audience: moved}
        if change is None:
            self._reasons.append(why)
            return
        if isinstance(change, ListRemove):
            self._do(REMOVE, change, audience=move.audience)
            return
        added, self._row, _ = fresh(change, self._row, event=event)
        self._do(ADD, added, audience=move.audience)

    def map(self, rule: MappingRule) -> None:
        """Let a mapping count that takes the event."""
        rules = self._destination.contact_rules
        activated = rule.activated(self._event.body, rules=rules)
        if isinstance(activated.result, Refusal):
            if activated.result.moot:
                self._reasons.append(activated.result.code)
            else:
                self._refusals.append(activated.result)
            return
        batch = batch_of(rule, activated)
        for intent in activated.result:
            replay = self._event.replay
            retells = replay is not None and lane_of(intent) in replay.failed_lanes
            found = newest(intent, self._row, event=self._event, retells=retells)
            self._row = found.row
            if found.intent is None:
                self._reasons.append(found.why)
            else:
                wanted = complete(found.intent, self._event)
                self._do(
                    activated.action,
                    wanted,
                    batch=batch,
                    expire_after_s=rule.expire_after_s,
                )

    def decision(self) -> Decision:
        """All of it."""
        replay = self._event.replay
        if replay and replay.mode is ReplayMode.REBUILD:
            return Decision(
                memberships=self._row,
                reason=REBUILT,
                message_id=self._event.message_id,
            )
        idle = not self._activations and not self._refusals
        reasons = dict.fromkeys(self._reasons or [NO_MAPPING])
        return Decision(
            memberships=self._row,
            activations=tuple(self._activations),
            refusals=tuple(self._refusals),
            reason=",".join(reasons) if idle else "",
            message_id=self._event.message_id,
        )

    def _do(
        self,
        action: str,
        intent: Intent,
        *,
        audience: str = "",
        batch: Batch = ANY_BATCH,
        expire_after_s: float = 0.0,
    ) -> None:
        activation = Activation(
            action=action,
            user=self._event.user,
            intent=intent,
            time_ms=self._event.time_ms,
            origin=self._event.origin,
            number=len(self._activations),
            message_id=self._event.message_id,
            audience=audience,
            batch=batch,
            expire_after_s=expire_after_s,
            replay=self._event.replay.id if self._event.replay else "",
        )
        self._activations.append(activation)

    def _list_change(self, edge: Edge, list_id: str) -> ListAdd | ListRemove:
        identifiers = named_in(self._event, rules=self._destination.contact_rules)
        if not identifiers:
            raise PoisonRecord(
                "no-identifier", "no user id, email or phone Klaviyo takes"
            )
        if edge.entered:
            return ListAdd(list_id=list_id, profile={**identifiers})
        return ListRemove(list_id=list_id, identifiers=identifiers)


def named_in(event: CanonicalEvent, *, rules: ContactRules) -> dict[str, str]:
    """Name whom an event's audience moves: what Klaviyo takes of its identifiers."""
    identifiers = identifiers_of(
        event, phone_of=partial(phone_of, country=rules.country)
    )
    if not email_of(identifiers.get("email", "")):
        identifiers.pop("email", None)
    return identifiers


def complete(intent: Intent, event: CanonicalEvent) -> Intent:
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
        time=intent.time or iso_of_ms(event.time_ms),
        unique_id=intent.unique_id or event.message_id or origin,
    )


def batch_of(rule: MappingRule, activated: Activated) -> Batch:
    """Say what a mapping's payload may share a request with."""
    told, usual = rule.batching, rule.action
    if not told.enabled:
        return Batch(items_max=1)
    items_max = 0 if told.size == usual.batch_size else told.size
    if told.keys == usual.batch_keys:
        return Batch(items_max=items_max) if items_max else ANY_BATCH
    return Batch(items_max=items_max, key=_key(activated.payload, told.keys))


def _key(payload: dict[str, Any], names: tuple[str, ...]) -> str:
    return orjson.dumps(list(_values(payload, names))).decode()


def _values(payload: dict[str, Any], names: tuple[str, ...]) -> Iterator[Any]:
    for name in names:
        yield payload.get(name)
