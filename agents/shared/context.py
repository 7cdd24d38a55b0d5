"""What every stage is given: the services of one worker, made in one place."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.engine.global_table import GlobalTable
from agents.engine.kafka import KafkaAccess, Record
from agents.engine.offset_backup import OffsetBackup
from agents.engine.producer import Message, Producer
from agents.engine.table import Table
from streams.dead_letters import encoding
from streams.dead_letters.encoding import DeadLetter
from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.destination.model import Destination
from streams.errors import PoisonRecord
from streams.events.canonical_event import ReplayMode
from streams.events.origin import Origin
from streams.klaviyo.api.client import KlaviyoClient
from streams.settings import Settings

ORIGIN_HEADER = "ks.origin"
"""Header that names the source record on every topic of the journey."""

SOURCE_TIME_HEADER = "ks.time-ms"
"""Header with the source record's Kafka timestamp: the time of an event without one.

Not the timestamp of the record on the events topic: a replay of last month's events
would be older than that topic's retention, and gone before it is read.
"""


EVENT_OFFSET_HEADER = "ks.read-at"
"""Header with the offset on the events topic of the event that caused an activation."""


REPLAY_HEADER = "ks.replay"
"""Header that names the replay which takes a record in again."""

REPLAY_MODE_HEADER = "ks.replay-mode"
"""Header with what that replay is for: a `ReplayMode`."""

FAILED_LANES_HEADER = "ks.failed-lanes"
"""Header with the lanes on which an event failed that is requeued, comma-separated."""

ACTIVATION_HEADER = "ks.activation"
"""Header of a record on the events topic that is no event but an activation of it, on
its way back to a lane: activate judges whether it is still the last word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The worker's services; stages hold nothing else."""

    settings: Settings
    kafka: KafkaAccess
    producer: Producer
    user_states: Table
    audience_lists: GlobalTable
    replays: GlobalTable
    offset_backup: OffsetBackup
    klaviyo: KlaviyoClient
    destination: Destination
    now_ms: Callable[[], int]

    def is_replay_stopped(self, replay: str) -> bool:
        """Whether somebody has stopped a replay: what of it is under way ends here."""
        return bool(replay) and stop_key(replay) in self.replays.rows


def stop_key(replay: str) -> bytes:
    """Name the row of the replays topic that stops a replay."""
    return f"{replay}/stop".encode()


def clock_ms() -> int:
    """Wall clock, milliseconds since the epoch: the only place it is read."""
    return int(time.time() * 1000)  # noqa: TID251 - agents/ reads the clock


def kafka_access(settings: Settings) -> KafkaAccess:
    """Where the settings say Kafka is."""
    return KafkaAccess(
        bootstrap=settings.kafka_bootstrap_servers,
        security_protocol=settings.kafka_security_protocol,
        sasl_mechanism=settings.kafka_sasl_mechanism or "PLAIN",
        sasl_username=settings.kafka_sasl_username,
        sasl_password=settings.kafka_sasl_password.reveal(),
        ssl_cafile=settings.kafka_ssl_cafile,
    )


def read_origin(record: Record) -> Origin:
    """The source record a record of the journey came from.

    Raises:
        PoisonRecord: Its header was not written by intake.
    """
    for name, value in record.headers:
        if name == ORIGIN_HEADER:
            return Origin.parse(value.decode("ascii", "replace"))
    return own_origin(record)


def read_origin_or_own(record: Record) -> Origin:
    """The source record, or where the record itself lies when its header is broken."""
    try:
        return read_origin(record)
    except PoisonRecord:
        return own_origin(record)


def read_source_time_ms(record: Record) -> int:
    """When the source record was written, milliseconds since the epoch."""
    for name, value in record.headers:
        if name == SOURCE_TIME_HEADER and value.isdigit():
            return int(value)
    return int(record.timestamp)


def read_event_offset(record: Record) -> int:
    """Where activate read the event that caused an activation."""
    for name, value in record.headers:
        if name == EVENT_OFFSET_HEADER:
            return int(value)
    return 0


def read_replay_id(record: Record) -> str:
    """Name the replay that takes a record in again; empty the first time."""
    return _read_header(record, REPLAY_HEADER)


def read_replay_mode(record: Record) -> ReplayMode:
    """What its replay is for."""
    try:
        return ReplayMode(
            _read_header(record, REPLAY_MODE_HEADER) or ReplayMode.CHANGES_ONLY
        )
    except ValueError:
        return ReplayMode.CHANGES_ONLY


def read_failed_lanes(record: Record) -> frozenset[str]:
    """Lanes on which it failed, where it is requeued."""
    return frozenset(filter(None, _read_header(record, FAILED_LANES_HEADER).split(",")))


def is_requeued_activation(record: Record) -> bool:
    """Whether a record of the events topic is an activation on its way back."""
    return bool(_read_header(record, ACTIVATION_HEADER))


def _read_header(record: Record, header: str) -> str:
    for name, value in record.headers:
        if name == header:
            return bytes(value).decode("utf-8", "replace")
    return ""


def copy_replay_headers(record: Record) -> list[tuple[str, bytes]]:
    """Headers that a record of a replay hands on; none the first time."""
    copied = (REPLAY_HEADER, REPLAY_MODE_HEADER, FAILED_LANES_HEADER)
    return [(name, value) for name, value in record.headers if name in copied]


def own_origin(record: Record) -> Origin:
    """Where a record itself lies."""
    return Origin(topic=record.topic, partition=record.partition, offset=record.offset)


def outcome_messages(
    context: Context, stage: str, items: Sequence[OutcomeItem], *, action: str = ""
) -> list[Message]:
    """Records for the outcomes topic."""
    values = outcome.encode_outcomes(stage, items, action=action)
    return [Message(context.settings.topics.outcomes, None, value) for value in values]


def dead_letter_messages(
    context: Context, dead_letters: Sequence[DeadLetter]
) -> list[Message]:
    """Records for the dead letter topic."""
    return [
        Message(
            context.settings.topics.deadletters,
            dead_letter.key,
            encoding.encode_value(dead_letter),
            encoding.encode_headers(dead_letter, connector=context.settings.app_id),
        )
        for dead_letter in dead_letters
    ]


def to_poison_record(fault: Exception) -> PoisonRecord:
    """The dead letter's words for whatever a record made fail.

    A fault of ours in a pure function comes back each time: as a dead letter it names
    itself and can be requeued once mended, as a crash it would stop every record.
    """
    if isinstance(fault, PoisonRecord):
        return fault
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    where = f"{type(fault).__name__} in {frame.name}, line {frame.lineno}"
    return PoisonRecord("internal-error", f"{where}: a bug; please report it")
