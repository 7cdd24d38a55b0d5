"""Stage activate: events change user states; activations go to the lanes."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from agents.engine.kafka import Record
from agents.engine.partition import PartitionRecords
from agents.engine.producer import Message
from agents.shared.context import Context
from agents.shared.records import (
    REPLAY_STOPPED,
    StageRecord,
    build_dead_letter,
    outcome_messages,
    read_record,
    refused_records,
    send_dead_letters,
    to_poison_record,
)
from streams.actions.activation import Activation, decode_activation, lane_of
from streams.actions.intents import PayloadRefusal
from streams.actions.shared_profiles import apply_claim
from streams.dead_letters.encoding import DeadLetter
from streams.delivery.outcome import OutcomeItem, Stage, outcome_item
from streams.delivery.verdict import discarded
from streams.destination.aliases import link_user_key
from streams.destination.decide import Decision, decide
from streams.destination.model import AudienceRule
from streams.destination.revalidate import revalidate
from streams.errors import PoisonRecord
from streams.events.canonical_event import (
    CLAIM_HEADER,
    EVENT_OFFSET_HEADER,
    LINK_HEADER,
    Replay,
)
from streams.events.formats.segment import decode
from streams.events.text import encode_without_half_pairs
from streams.settings.model import LaneId
from streams.state.user_state import TableEntries, UserState, deletions_last

TOO_LARGE = PoisonRecord("too-large", "its activation is larger than a lane takes")

_encode = msgspec.json.Encoder().encode


async def process_batch(context: Context, groups: PartitionRecords) -> None:
    """Process the records of a fetch.

    All that the records cause is durable first, then the table is written, then the
    records are done. After a crash before the table is written, transitions are written
    again; after a crash behind it, they are found to be duplicates.
    """
    result = _BatchResult(context)
    for part, records in groups:
        result.decide_partition(part.tp.partition, records)
    sent = await context.producer.send(result.messages())
    causes = [
        *(record for record, _, _ in result.activations),
        *result.held,
        *(record for record, _ in result.links),
        *(record for record, _, _ in result.claims),
    ]
    context.metrics.stages[Stage.ACTIVATE].records_out.inc(len(causes))
    if result.discarded:
        context.metrics.count_outcomes(result.discarded)
    result.dead_letters += refused_records(
        Stage.ACTIVATE, causes, sent, fault=TOO_LARGE
    )
    if result.dead_letters:
        await send_dead_letters(context, Stage.ACTIVATE, result.dead_letters)
    await context.user_states.write(result.changed_entries())


@dataclass(slots=True)
class _BatchResult:
    """Activations, outcomes, dead letters and changed states of a fetch."""

    context: Context
    activations: list[tuple[StageRecord, LaneId, bytes]] = field(default_factory=list)
    discarded: list[OutcomeItem] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    held: list[StageRecord] = field(default_factory=list)
    links: list[tuple[StageRecord, bytes]] = field(default_factory=list)
    claims: list[tuple[StageRecord, bytes, bytes]] = field(default_factory=list)
    users: dict[int, dict[bytes, TableEntries]] = field(default_factory=dict)

    def decide_partition(self, partition: int, records: Iterable[Record]) -> None:
        """Decide the records of a partition, in order."""
        table = self.context.user_states
        get, scan = partial(table.get, partition), partial(table.scan, partition)
        users = self.users[partition] = {}
        for record in map(read_record, records):
            user = record.key or b""
            entries = users.get(user)
            if entries is None:
                entries = users[user] = TableEntries(user, get=get, scan=scan)
            before = UserState(stored=entries)
            after = self._process_record(record, before)
            if after is not before:
                entries.update(after)

    def messages(self) -> list[Message]:
        """Return records for the lanes, held events, outcomes of discarded events."""
        topics = self.context.topics
        activations = [
            Message(
                topics.activations[lane],
                record.key,
                value,
                [*record.onward_headers, (EVENT_OFFSET_HEADER, b"%d" % record.offset)],
            )
            for record, lane, value in self.activations
        ]
        held_events = [
            Message(topics.held_events, record.key, record.value, record.onward_headers)
            for record in self.held
        ]
        links = [
            Message(
                topics.events,
                previous_id,
                record.value,
                [*record.onward_headers, (LINK_HEADER, b"1")],
            )
            for record, previous_id in self.links
        ]
        claims = [
            Message(
                topics.events,
                edge,
                value,
                [*record.onward_headers, (CLAIM_HEADER, b"1")],
            )
            for record, edge, value in self.claims
        ]
        messages = activations + held_events + links + claims
        if not self.discarded:
            return messages
        return messages + outcome_messages(self.context, Stage.ACTIVATE, self.discarded)

    def changed_entries(self) -> dict[int, dict[bytes, bytes | None]]:
        """Return changed entries: partition -> key -> entry; None removes an entry."""
        return {
            partition: {
                key: entry
                for entries in users.values()
                for key, entry in deletions_last(entries.changes)
            }
            for partition, users in self.users.items()
        }

    def _process_record(self, record: StageRecord, state: UserState) -> UserState:
        """Return the user's state after a record; a record that fails changes none."""
        try:
            decision = self._decide_record(record, state)
            activations = [
                self._encode_activation(activation)
                for activation in decision.activations
            ]
        except Exception as fault:  # noqa: BLE001 - no record stops the next one
            self.dead_letters.append(
                build_dead_letter(Stage.ACTIVATE, record, to_poison_record(fault))
            )
            return state
        if decision.is_held:
            self.held.append(record)
        if decision.previous_id:
            self.links.append((record, decision.previous_id.encode()))
        for activation, (lane, value) in zip(
            decision.activations, activations, strict=True
        ):
            if activation.edge and not record.is_claim:
                self.claims.append((record, activation.edge.encode(), value))
            else:
                self.activations.append((record, lane, value))
        for refusal in decision.refusals:
            self.dead_letters.append(_refusal_dead_letter(record, refusal))
        if decision.reason:
            item = outcome_item(
                record.origin,
                discarded(decision.reason),
                message_id=decision.message_id,
                latency_ms=max(0, self.context.now_ms() - record.source_ms),
                replay=record.replay,
            )
            self.discarded.append(item)
        return decision.state

    def _encode_activation(self, activation: Activation) -> tuple[LaneId, bytes]:
        """Encode an activation, before any state is changed.

        Raises:
            PoisonRecord: `too-large`.
        """
        try:
            value = _encode(activation)
        except UnicodeEncodeError:  # a mapping can cut a surrogate pair in half
            plain = msgspec.to_builtins(activation)
            value = encode_without_half_pairs(json.dumps(plain, ensure_ascii=False))
        if len(value) > self.context.settings.max_event_bytes:
            raise TOO_LARGE
        return lane_of(activation.intent), value

    def _decide_record(self, record: StageRecord, state: UserState) -> Decision:
        if record.bad_origin is not None:
            raise record.bad_origin
        if record.is_claim:
            return self._decide_claim(record, state)
        replay = self._read_replay(record) if record.replay else None
        if replay and self.context.is_replay_stopped(replay.id):
            return Decision(state=state, reason=REPLAY_STOPPED.reason)
        if replay and record.is_activation:
            return revalidate(
                decode_activation(record.value),
                state,
                replay=replay,
                destination=self.context.destination,
            )
        event = decode(
            record.value,
            origin=record.origin,
            record_time_ms=record.source_ms,
            now_ms=self.context.now_ms(),
            max_event_bytes=self.context.settings.max_event_bytes,
            replay=replay,
        )
        if record.is_link:
            return Decision(state=link_user_key(event, state))
        return decide(
            event,
            state,
            destination=self.context.destination,
            was_held=record.was_held,
        )

    def _decide_claim(self, record: StageRecord, edge: UserState) -> Decision:
        """Decide a list change by the users behind its edge.

        A stopped replay ends before the table, and the user's entry has the change.
        """
        activation = decode_activation(record.value)
        audiences = self.context.destination.audiences
        rule = audiences.get(activation.audience, AudienceRule())
        result = apply_claim(
            activation,
            edge,
            mode=record.replay_mode if record.replay else None,
            audience_list_id=rule.list_id,
        )
        return Decision(
            state=result.state,
            activations=(activation,) if result.is_delivered else (),
            reason=result.reason,
            message_id=activation.message_id,
        )

    def _read_replay(self, record: StageRecord) -> Replay:
        """Return the replay that reprocesses a record."""
        age_ms = int(self.context.settings.replay_backfill_after_s * 1000)
        return Replay(
            id=record.replay,
            mode=record.replay_mode,
            backfill_before_ms=self.context.now_ms() - age_ms,
            failed_lanes=record.failed_lanes,
        )


def _refusal_dead_letter(record: StageRecord, refusal: PayloadRefusal) -> DeadLetter:
    return build_dead_letter(
        Stage.ACTIVATE, record, PoisonRecord(refusal.code, refusal.reason)
    )
