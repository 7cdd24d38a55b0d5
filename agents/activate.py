"""Hop 2: events move memberships and are mapped; what follows goes on its lane."""

from collections.abc import Iterable, Sequence

import msgspec
from faust.types import StreamT

from agents.context import (
    ORIGIN,
    READ_AT,
    TIME,
    Context,
    failed_lanes_of,
    is_activation,
    mode_of,
    origin_of,
    origin_or_position,
    outcome_messages,
    poison_of,
    replay_headers,
    replay_of,
    source_time_ms,
)
from agents.engine.boot import EngineApp
from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.engine.poll import Poll
from agents.engine.producer import REFUSED, Message
from agents.engine.reader import Reader
from agents.engine.watchdog import guarded
from agents.intake import STOPPED, bury
from streams.actions.activation import (
    Activation,
    Lane,
    decode_activation,
    lane_of,
)
from streams.actions.intents import Refusal
from streams.audiences.row import Memberships, decode_row, encode_row
from streams.delivery import outcome
from streams.delivery.deadletter import DeadLetter
from streams.delivery.outcome import OutcomeItem
from streams.delivery.verdict import discarded
from streams.destination.decide import Decision, decide
from streams.destination.readmit import readmitted
from streams.errors import PoisonRecord
from streams.events.decode import decode
from streams.events.model import Replay

STAGE = "activate"

TOO_LARGE = PoisonRecord("too-large", "its activation is larger than a lane takes")

_encode = msgspec.json.Encoder().encode


def register(app: EngineApp, context: Context, reader: Reader) -> None:
    """Put the hop's agent on the reader's channel."""

    @app.agent(reader.channel, name=STAGE)
    @guarded
    async def activate(polls: StreamT[Poll]) -> None:
        async for poll in polls:
            groups = poll.begin()
            await turn(context, groups)
            poll.end(groups)


async def turn(
    context: Context, groups: Sequence[tuple[Partition, list[Record]]]
) -> None:
    """One poll: everything it causes is durable first, the table follows, then acks.

    A crash before the table was written repeats the edges, one after finds them told.
    """
    work = _Work(context)
    for part, records in groups:
        work.take(part.tp.partition, records)
    work.refuse(await context.producer.send(work.messages()))
    await bury(context, STAGE, work.letters)
    await context.memberships.write(work.changes())


class _Work:
    """What one poll adds up to."""

    def __init__(self, context: Context) -> None:
        self.letters: list[DeadLetter] = []
        self._context = context
        self._activations: list[tuple[Record, Lane, bytes]] = []
        self._discarded: list[OutcomeItem] = []
        self._rows: dict[int, dict[bytes, Memberships]] = {}
        self._moved: dict[int, set[bytes]] = {}

    def take(self, partition: int, records: Iterable[Record]) -> None:
        """Decide a partition's records, in order."""
        keyed = [(record, record.key or b"") for record in records]
        stored = self._context.memberships.get_many(partition, {k for _, k in keyed})
        self._rows[partition] = {key: decode_row(row) for key, row in stored.items()}
        self._moved[partition] = set()
        for record, key in keyed:
            self._decide(partition, key, record)

    def messages(self) -> list[Message]:
        """Activations on their lanes and what was discarded."""
        topics = self._context.settings.topics
        activations = [
            Message(
                topics.activations(lane),
                record.key,
                value,
                [
                    (ORIGIN, str(origin_of(record)).encode()),
                    (TIME, b"%d" % source_time_ms(record)),
                    (READ_AT, b"%d" % record.offset),
                    *replay_headers(record),
                ],
            )
            for record, lane, value in self._activations
        ]
        return activations + outcome_messages(self._context, STAGE, self._discarded)

    def refuse(self, offsets: Sequence[int]) -> None:
        """Bury what a lane did not take; `offsets` are those of `messages`."""
        self.letters += [
            _letter(record, TOO_LARGE)
            for (record, _, _), offset in zip(self._activations, offsets, strict=False)
            if offset == REFUSED
        ]

    def changes(self) -> dict[int, dict[bytes, bytes]]:
        """Rows that moved: partition -> user -> row."""
        return {
            partition: {key: encode_row(self._rows[partition][key]) for key in moved}
            for partition, moved in self._moved.items()
        }

    def _decide(self, partition: int, key: bytes, record: Record) -> None:
        rows = self._rows[partition]
        before = rows.get(key, {})
        try:
            decision = self._decided(record, before)
            activations = [self._written(one) for one in decision.activations]
        except Exception as fault:  # noqa: BLE001 - no record stops the next one
            self.letters.append(_letter(record, poison_of(fault)))
            return
        if decision.memberships is not before:
            rows[key] = decision.memberships
            self._moved[partition].add(key)
        self._activations += [(record, *one) for one in activations]
        self.letters += [_refused(record, refusal) for refusal in decision.refusals]
        if decision.reason:
            item = outcome.item(
                origin_of(record),
                discarded(decision.reason),
                message_id=decision.message_id,
                latency_ms=max(0, self._context.now_ms() - source_time_ms(record)),
                replay=replay_of(record),
            )
            self._discarded.append(item)

    def _written(self, activation: Activation) -> tuple[Lane, bytes]:
        """Write one down, before anything has moved.

        Raises:
            PoisonRecord: `too-large`.
        """
        value = _encode(activation)
        if len(value) > self._context.settings.max_event_bytes:
            raise TOO_LARGE
        return lane_of(activation.intent), value

    def _decided(self, record: Record, before: Memberships) -> Decision:
        replay = self._replay(record)
        if replay and self._context.is_stopped(replay.id):
            return Decision(memberships=before, reason=STOPPED.reason)
        if replay and is_activation(record):
            return readmitted(
                decode_activation(record.value),
                before,
                replay=replay,
                destination=self._context.destination,
            )
        event = decode(
            record.value,
            origin=origin_of(record),
            record_time_ms=source_time_ms(record),
            now_ms=self._context.now_ms(),
            max_event_bytes=self._context.settings.max_event_bytes,
            replay=replay,
        )
        return decide(event, before, destination=self._context.destination)

    def _replay(self, record: Record) -> Replay | None:
        """The replay that takes an event in again."""
        if not (name := replay_of(record)):
            return None
        age_ms = int(self._context.settings.replay_backfill_after_s * 1000)
        return Replay(
            id=name,
            mode=mode_of(record),
            backfill_before_ms=self._context.now_ms() - age_ms,
            failed_lanes=failed_lanes_of(record),
        )


def _refused(record: Record, refusal: Refusal) -> DeadLetter:
    return _letter(record, PoisonRecord(refusal.code, refusal.reason))


def _letter(record: Record, poison: PoisonRecord) -> DeadLetter:
    return DeadLetter(
        origin=origin_or_position(record),
        stage=STAGE,
        code=poison.code,
        reason=poison.reason,
        key=record.key,
        value=record.value,
        replay=replay_of(record),
        source_ms=source_time_ms(record),
    )
