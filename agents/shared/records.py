"""Records as read by stages; outcomes and dead letters as written by stages."""

import traceback
from collections.abc import Sequence
from typing import Final

import msgspec

from agents.engine.kafka import Record
from agents.engine.producer import (
    Message,
    RecordProducer,
    RecordTooLarge,
    SendResult,
)
from agents.shared.context import Context
from streams.dead_letters.encoding import (
    DeadLetter,
    encode_headers,
    encode_key,
    encode_value,
    remove_content,
)
from streams.delivery.outcome import OutcomeItem, Stage, encode_outcomes, outcome_item
from streams.delivery.verdict import Reason, dead_letter, discarded
from streams.errors import EngineError, PoisonRecord
from streams.events.canonical_event import (
    ACTIVATION_HEADER,
    CANONICAL_HEADER,
    CLAIM_HEADER,
    EVENT_OFFSET_HEADER,
    FAILED_LANES_HEADER,
    HELD_UNTIL_HEADER,
    LINK_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
    REPLAY_MODE_HEADER,
    SOURCE_TIME_HEADER,
    Origin,
    ReplayMode,
    producer_headers,
)
from streams.events.formats.source_record import SourceRecord

REPLAY_STOPPED = discarded("replay-stopped")
EVENT_TOO_LARGE: Final = PoisonRecord("too-large", "larger than the events topic takes")

SHORT_KEY_BYTES: Final = 1_000
"""Bytes of a key that a dead letter without content keeps."""

_USUAL_HEADERS = frozenset({ORIGIN_HEADER, SOURCE_TIME_HEADER, EVENT_OFFSET_HEADER})
_REPLAY_HEADERS = (REPLAY_HEADER, REPLAY_MODE_HEADER, FAILED_LANES_HEADER)
_NO_LANES: Final[frozenset[str]] = frozenset()
_REPLAY_MODES = {mode.encode(): mode for mode in ReplayMode}


class StageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Record as a stage reads it, with the content of its headers.

    Attributes:
        key: Key of the record.
        value: Value of the record.
        offset: Offset of the record.
        origin: The source record behind it; the record itself if no header names one.
        source_ms: Time of the source record, milliseconds since the epoch.
        headers: Headers of the record, as it has them.
        is_internal: True for a record of a topic of ours: the producer's headers have a
            prefix there.
        onward_headers: Headers for the records that this one causes.
        bad_origin: Fault of a header that intake did not write; None if there is none.
        event_offset: Offset of the event that caused an activation; 0 without a header.
        replay: Id of the replay that reprocesses the record; empty for live records.
        replay_mode: Mode of that replay.
        failed_lanes: Lanes on which a requeued event failed.
        is_activation: True for a record of the events topic that holds an activation.
        is_canonical: True for a source record whose value is a canonical event already.
        was_held: True for an event that was held, and is back on the events topic.
        is_link: True for an alias call that is keyed by the previous id.
        is_claim: True for a list change that is keyed by the edge it is about.
    """

    key: bytes | None
    value: bytes | None
    offset: int
    origin: Origin
    source_ms: int
    headers: Sequence[tuple[str, bytes | None]]
    is_internal: bool
    onward_headers: list[tuple[str, bytes]]
    bad_origin: PoisonRecord | None = None
    event_offset: int = 0
    replay: str = ""
    replay_mode: ReplayMode = ReplayMode.CHANGES_ONLY
    failed_lanes: frozenset[str] = _NO_LANES
    is_activation: bool = False
    is_canonical: bool = False
    was_held: bool = False
    is_link: bool = False
    is_claim: bool = False

    @property
    def source_headers(self) -> dict[str, bytes]:
        """Headers from the producer of the source record; the last of each name."""
        headers = {name: value or b"" for name, value in self.headers}
        return producer_headers(headers, is_internal=self.is_internal)

    def event_headers(self, index: int) -> list[tuple[str, bytes]]:
        """Return the headers of an event, by the position in the record from 0."""
        if index == 0 and not self.is_internal:
            return self.onward_headers
        origin = str(self.origin.of_event(index)).encode()
        return [(ORIGIN_HEADER, origin), *self.onward_headers[1:]]

    def to_source_record(self) -> SourceRecord:
        """Return the record as first read from the source topic."""
        return SourceRecord(
            origin=self.origin,
            time_ms=self.source_ms,
            key=self.key,
            value=self.value,
            headers=self.source_headers,
        )


def read_record(record: Record, *, is_internal: bool = True) -> StageRecord:
    """Read all headers of a record.

    Args:
        record: The record; of a repeated header the first one counts.
        is_internal: False for a record of a source topic. The headers there are the
            producer's, and are not believed.
    """
    headers = {}
    if is_internal:
        headers = {name: value or b"" for name, value in reversed(record.headers)}
    origin, bad_origin = None, None
    origin_text = headers.get(ORIGIN_HEADER)
    if origin_text is not None:
        try:
            origin = Origin.parse(origin_text.decode("ascii", "replace"))
        except PoisonRecord as fault:
            bad_origin = fault
    if origin is None or origin_text is None:
        origin = Origin(
            topic=record.topic, partition=record.partition, offset=record.offset
        )
        origin_text = str(origin).encode()
    source_time = headers.get(SOURCE_TIME_HEADER, b"")
    source_ms = int(source_time) if source_time.isdigit() else record.timestamp
    event_offset = headers.get(EVENT_OFFSET_HEADER, b"")
    stage_record = StageRecord(
        key=record.key,
        value=record.value,
        offset=record.offset,
        origin=origin,
        source_ms=source_ms,
        headers=record.headers,
        is_internal=is_internal,
        onward_headers=[
            (ORIGIN_HEADER, origin_text),
            (SOURCE_TIME_HEADER, b"%d" % source_ms),
        ],
        bad_origin=bad_origin,
        event_offset=int(event_offset) if event_offset.isdigit() else 0,
    )
    if headers.keys() <= _USUAL_HEADERS:
        return stage_record
    return _read_rare_headers(stage_record, headers)


def _read_rare_headers(record: StageRecord, headers: dict[str, bytes]) -> StageRecord:
    lanes_text = headers.get(FAILED_LANES_HEADER, b"").decode("utf-8", "replace")
    lanes = frozenset(lanes_text.split(",")) - {""} if lanes_text else _NO_LANES
    return msgspec.structs.replace(
        record,
        replay=headers.get(REPLAY_HEADER, b"").decode("utf-8", "replace"),
        replay_mode=_REPLAY_MODES.get(
            headers.get(REPLAY_MODE_HEADER, b""), ReplayMode.CHANGES_ONLY
        ),
        failed_lanes=lanes,
        is_activation=bool(headers.get(ACTIVATION_HEADER)),
        is_canonical=CANONICAL_HEADER in headers,
        was_held=HELD_UNTIL_HEADER in headers,
        is_link=LINK_HEADER in headers,
        is_claim=CLAIM_HEADER in headers,
        onward_headers=[
            *record.onward_headers,
            *((name, headers[name]) for name in _REPLAY_HEADERS if name in headers),
        ],
    )


def outcome_messages(
    context: Context, stage: Stage, items: Sequence[OutcomeItem], *, action: str = ""
) -> list[Message]:
    """Build records for the outcomes topic."""
    values = encode_outcomes(stage, items, action=action)
    return [Message(context.topics.outcomes, None, value) for value in values]


def dead_letter_messages(
    context: Context, dead_letters: Sequence[DeadLetter]
) -> list[Message]:
    """Build records for the topic of dead letters."""
    return [
        Message(
            context.topics.deadletters,
            encode_key(failed),
            encode_value(failed),
            encode_headers(failed, connector=context.settings.app_id),
        )
        for failed in dead_letters
    ]


async def send_dead_letters(
    context: Context, stage: Stage, dead_letters: Sequence[DeadLetter]
) -> None:
    """Write dead letters with outcomes; both are durable on return."""
    items = [
        outcome_item(
            failed.origin,
            dead_letter(str(Reason(failed.code, failed.reason))),
            replay=failed.replay,
        )
        for failed in dead_letters
    ]
    messages = dead_letter_messages(context, dead_letters)
    await send_with_dead_letters(
        context.producer,
        [*messages, *outcome_messages(context, stage, items)],
        topic=context.topics.deadletters,
    )
    context.metrics.count_dead_letters(dead_letters)
    context.metrics.count_outcomes(items)


async def send_with_dead_letters(
    producer: RecordProducer, messages: Sequence[Message], *, topic: str
) -> None:
    """Write records; a dead letter that its topic refuses is written without content.

    Args:
        producer: Writes the records.
        messages: Dead letters and other records.
        topic: Topic of the dead letters.

    Raises:
        EngineError: The topic refuses a dead letter without content too.
    """
    refused = [
        message
        for message, result in zip(messages, await producer.send(messages), strict=True)
        if isinstance(result, RecordTooLarge) and message.topic == topic
    ]
    if refused:
        results = await producer.send([_without_content(one) for one in refused])
        if any(isinstance(result, RecordTooLarge) for result in results):
            problem = "refuses a dead letter of a few kilobytes"
            raise EngineError(f"topic {topic}: {problem}; raise its max.message.bytes")


def _without_content(message: Message) -> Message:
    """Return a dead letter without the value and the producer's headers."""
    headers = remove_content(message.headers, size=len(message.value or b""))
    key = None if message.key is None else message.key[:SHORT_KEY_BYTES]
    return message._replace(key=key, value=b"", headers=headers)


def build_dead_letter(
    stage: Stage, record: StageRecord, poison: PoisonRecord
) -> DeadLetter:
    """Build the dead letter for a record that a stage cannot use."""
    return DeadLetter(
        origin=record.origin,
        stage=stage,
        code=poison.code,
        reason=poison.reason,
        key=record.key,
        value=record.value,
        replay=record.replay,
        source_ms=record.source_ms,
        source_headers=record.source_headers,
        is_canonical=record.is_canonical or stage is Stage.ACTIVATE,
    )


def refused_records(
    stage: Stage,
    records: Sequence[StageRecord],
    results: Sequence[SendResult],
    *,
    fault: PoisonRecord,
) -> list[DeadLetter]:
    """Build the dead letters for records that caused a record too large for a topic.

    Args:
        stage: The stage that sent.
        records: The cause of each record that was sent; results behind them are of
            records without a cause.
        results: Results of the sending, in the same order.
        fault: Fault that the dead letters name.
    """
    return [
        build_dead_letter(stage, record, fault)
        for record, result in zip(records, results, strict=False)
        if isinstance(result, RecordTooLarge)
    ]


def to_poison_record(fault: Exception) -> PoisonRecord:
    """Turn any error that a record causes into the error of a dead letter.

    A bug of ours in a pure function comes back each time. As a dead letter it names
    itself, and the record can be requeued after the fix; as a crash it would stop every
    record.
    """
    if isinstance(fault, PoisonRecord):
        return fault
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    location = f"{type(fault).__name__} in {frame.name}, line {frame.lineno}"
    return PoisonRecord("internal-error", f"{location}: a bug; please report it")
