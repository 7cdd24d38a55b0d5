"""Selector that turns records of a range into records to publish again."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from confluent_kafka import Message as KafkaMessage

from agents.admin.topic_reader import headers_of
from agents.engine.producer import Message
from agents.shared.reprocess import requeue_activation, requeue_event
from streams.actions.activation import decode_activation
from streams.errors import ConfigError, PoisonRecord
from streams.events.canonical_event import (
    ACTIVATION_HEADER,
    CANONICAL_HEADER,
    ORIGIN_HEADER,
    SOURCE_TIME_HEADER,
    CanonicalEvent,
    Origin,
    producer_headers,
)
from streams.events.convert import read_events
from streams.events.formats.source_record import SourceRecord
from streams.events.sources import Source
from streams.events.wire_formats.schemas import SchemaLookup, no_schemas
from streams.replay.selection import RecordFilter, ReplaySelection
from streams.settings import Settings

_FAR_FUTURE_MS: Final = 253_370_764_800_000
"""The year 9999: intake refuses events ahead of the clock, a filter does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPreview:
    """Preview of a record that a replay publishes, without personal data.

    Attributes:
        location: Topic, partition and offset of the record.
        origin: Origin that the record's outcomes have.
        time_ms: Time of the event, milliseconds since the epoch.
        kind: Type and name of the event, or the action; empty if not decoded.
    """

    location: str
    origin: Origin
    time_ms: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """Parts of a record that a replay needs, with the headers decoded."""

    key: bytes | None
    value: bytes | None
    origin: Origin
    source_ms: int
    location: str
    is_activation: bool
    source_headers: Mapping[str, bytes]
    is_canonical: bool


class RecordSelector:
    """Selector of the records of a selection.

    Args:
        settings: Names of topics, and the largest size of an event.
        selection: Range and filter.
        replay: Id of the replay.
        sources: Source topics whose values are not events of Segment's spec, with
            their sources.
        schemas: Returns the schemas of their records.

    Raises:
        ConfigError: Records of the topic cannot be replayed, or the filter does not fit
            the topic.

    Attributes:
        unreadable: Number of records that cannot be decoded or are too large.
    """

    def __init__(
        self,
        settings: Settings,
        selection: ReplaySelection,
        *,
        replay: str,
        sources: Mapping[str, Source] = MappingProxyType({}),
        schemas: SchemaLookup = no_schemas,
    ) -> None:
        self._settings = settings
        self._schemas = schemas
        self._sources = sources
        self._topics = settings.topics
        self._selection = selection
        self._replay = replay
        self._filter = RecordFilter(selection)
        self._is_lane_topic = selection.topic in self._topics.activations.values()
        _check_selection(settings, selection, is_lane_topic=self._is_lane_topic)
        self.unreadable = 0

    def select(self, message: KafkaMessage) -> tuple[Message, RecordPreview] | None:
        """Return the record to publish, and a preview; None if not selected."""
        raw_record = self._parse(message)
        if len(raw_record.value or b"") > self._settings.max_event_bytes:
            self.unreadable += 1  # the reprocess topic would refuse the record
            return None
        if raw_record.is_activation:
            return self._select_activation(raw_record)
        kind, time_ms = "", raw_record.source_ms
        if not self._filter.matches_all:
            event = self._find_event(raw_record)
            if event is None:
                return None
            kind = f"{event.kind} {event.body.get('event', '')}".rstrip()
            time_ms = event.time_ms
        message_out = requeue_event(
            self._topics,
            raw_record.value,
            key=raw_record.key,
            origin=raw_record.origin,
            source_ms=raw_record.source_ms,
            replay=self._replay,
            mode=self._selection.mode,
            source_headers=raw_record.source_headers,
            is_canonical=raw_record.is_canonical,
        )
        return message_out, _build_preview(raw_record, time_ms=time_ms, kind=kind)

    def _select_activation(
        self, raw_record: RawRecord
    ) -> tuple[Message, RecordPreview] | None:
        try:
            activation = decode_activation(raw_record.value)
        except PoisonRecord:
            self.unreadable += 1
            return None
        if not self._filter.matches_activation(activation):
            return None
        message_out = requeue_activation(
            self._topics,
            raw_record.value,
            user=activation.user.encode(),
            origin=raw_record.origin,
            source_ms=raw_record.source_ms,
            replay=self._replay,
            mode=self._selection.mode,
        )
        return message_out, _build_preview(
            raw_record, time_ms=activation.time_ms, kind=activation.action
        )

    def _find_event(self, raw_record: RawRecord) -> CanonicalEvent | None:
        """Return the first event of a record that the filter matches."""
        source = self._sources.get(raw_record.origin.topic)
        try:
            events = read_events(
                SourceRecord(
                    origin=raw_record.origin,
                    time_ms=raw_record.source_ms,
                    key=raw_record.key,
                    value=raw_record.value,
                    headers=raw_record.source_headers,
                ),
                None if raw_record.is_canonical else source,
                now_ms=_FAR_FUTURE_MS,
                max_bytes=self._settings.max_event_bytes,
                schemas=self._schemas,
            )
        except Exception:  # noqa: BLE001 - no record stops the next one
            self.unreadable += 1
            return None
        return next(filter(self._filter.matches_event, events), None)

    def _parse(self, message: Any) -> RawRecord:  # noqa: ANN401 - confluent's types allow None
        is_internal = message.topic() not in self._settings.source_topics
        all_headers = dict(headers_of(message))
        headers = all_headers if is_internal else {}
        location = Origin(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
        )
        return RawRecord(
            key=message.key(),
            value=message.value(),
            origin=_parse_origin(headers.get(ORIGIN_HEADER)) or location,
            source_ms=_parse_number(headers.get(SOURCE_TIME_HEADER))
            or message.timestamp()[1],
            location=str(location),
            is_activation=self._is_lane_topic or ACTIVATION_HEADER in headers,
            source_headers=producer_headers(all_headers, is_internal=is_internal),
            is_canonical=message.topic() == self._topics.events
            or CANONICAL_HEADER in headers,
        )


def _build_preview(raw_record: RawRecord, *, time_ms: int, kind: str) -> RecordPreview:
    return RecordPreview(
        location=raw_record.location,
        origin=raw_record.origin,
        time_ms=time_ms,
        kind=kind,
    )


def _parse_origin(value: bytes | None) -> Origin | None:
    try:
        return Origin.parse(value.decode("ascii", "replace")) if value else None
    except PoisonRecord:
        return None


def _parse_number(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() else 0


def qualified_topic(settings: Settings, topic: str) -> str:
    """Return the topic with the prefix, if the operator left the prefix out."""
    prefixed = f"{settings.topic_prefix}{topic}"
    return prefixed if prefixed in _replayable_topics(settings) else topic


def _replayable_topics(settings: Settings) -> set[str]:
    topics = settings.topics
    lanes = topics.activations.values()
    return {*settings.source_topics, topics.events, topics.reprocess, *lanes}


def _check_selection(
    settings: Settings, selection: ReplaySelection, *, is_lane_topic: bool
) -> None:
    topic, topics = selection.topic, settings.topics
    if topic == topics.deadletters:
        raise ConfigError(
            [f"topic {topic}: use klaviyo-streams deadletters requeue instead"]
        )
    if topic not in _replayable_topics(settings):
        replayable = ", ".join(sorted(_replayable_topics(settings)))
        raise ConfigError(
            [f"topic {topic}: cannot be replayed; choose one of: {replayable}"]
        )
    if is_lane_topic and selection.where:
        raise ConfigError(
            ["--where: a lane has actions, not events; replay the events topic"]
        )
