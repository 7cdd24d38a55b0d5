"""Records of a range → records on their way back in."""

from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Message as KafkaMessage

from agents.context import ACTIVATION, ORIGIN, TIME
from agents.engine.producer import Message
from agents.reentry import activation_again, event_again
from streams.actions.activation import decode_activation
from streams.errors import ConfigError, PoisonRecord
from streams.events.decode import decode
from streams.events.model import CanonicalEvent
from streams.events.origin import Origin
from streams.replay.selection import Filter, Selection
from streams.settings import Settings
from streams.settings.model import LANES, Topics

_NEVER_MS: Final = 253_370_764_800_000
"""The year 9999: a filter doesn't refuse what lies ahead of the clock; intake does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A record that a replay takes, without anything of a person.

    Attributes:
        place: Where it lies.
        origin: Under what it has its outcomes.
        time_ms: When it happened, milliseconds since the epoch.
        kind: Its type and name, or its action; empty where nobody has read it.
    """

    place: str
    origin: Origin
    time_ms: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A record as a range gives it, its headers by name."""

    key: bytes | None
    value: bytes | None
    origin: Origin
    source_ms: int
    place: str
    is_activation: bool


class Taking:
    """Takes the records that a selection means.

    Args:
        settings: Names of topics, and the bounds of an event.
        selection: What is meant.
        replay: Names the replay.

    Raises:
        ConfigError: The topic holds nothing that can be taken in again, or the filter
            does not go with it.
    """

    def __init__(
        self, settings: Settings, selection: Selection, *, replay: str
    ) -> None:
        self._settings = settings
        self._selection = selection
        self._replay = replay
        self._filter = Filter(selection)
        self._is_lane = selection.topic in map(settings.topics.activations, LANES)
        _check(settings, selection, is_lane=self._is_lane)
        self.unreadable = 0

    def take(self, message: KafkaMessage) -> tuple[Message, Sample] | None:
        """Give a record its way back; None where it is not meant."""
        raw = self._raw(message)
        if len(raw.value or b"") > self._settings.max_event_bytes:
            self.unreadable += 1  # the reentry topic would refuse it, each time again
            return None
        if raw.is_activation:
            return self._activation(raw)
        kind, time_ms = "", raw.source_ms
        if not self._filter.takes_all:
            event = self._event(raw)
            if event is None or not self._filter.takes_event(event):
                return None
            kind = f"{event.kind} {event.body.get('event', '')}".rstrip()
            time_ms = event.time_ms
        back = event_again(
            self._settings.topics,
            raw.value,
            key=raw.key,
            origin=raw.origin,
            source_ms=raw.source_ms,
            replay=self._replay,
            mode=self._selection.mode,
        )
        return back, _sample(raw, time_ms=time_ms, kind=kind)

    def _activation(self, raw: Raw) -> tuple[Message, Sample] | None:
        try:
            activation = decode_activation(raw.value)
        except PoisonRecord:
            self.unreadable += 1
            return None
        if not self._filter.takes_activation(activation):
            return None
        back = activation_again(
            self._settings.topics,
            raw.value,
            user=raw.key,
            origin=raw.origin,
            source_ms=raw.source_ms,
            replay=self._replay,
            mode=self._selection.mode,
        )
        return back, _sample(raw, time_ms=activation.time_ms, kind=activation.action)

    def _event(self, raw: Raw) -> CanonicalEvent | None:
        try:
            return decode(
                raw.value,
                origin=raw.origin,
                record_time_ms=raw.source_ms,
                now_ms=_NEVER_MS,
                max_event_bytes=self._settings.max_event_bytes,
            )
        except (PoisonRecord, RecursionError):
            self.unreadable += 1
            return None

    def _raw(self, message: Any) -> Raw:  # noqa: ANN401 - confluent's types allow None
        own = message.topic() not in self._settings.source_topics
        headers = dict(message.headers() or ()) if own else {}
        here = Origin(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
        )
        return Raw(
            key=message.key(),
            value=message.value(),
            origin=_origin(headers.get(ORIGIN)) or here,
            source_ms=_number(headers.get(TIME)) or message.timestamp()[1],
            place=str(here),
            is_activation=self._is_lane or ACTIVATION in headers,
        )


def _sample(raw: Raw, *, time_ms: int, kind: str) -> Sample:
    return Sample(place=raw.place, origin=raw.origin, time_ms=time_ms, kind=kind)


def _origin(value: bytes | None) -> Origin | None:
    try:
        return Origin.parse(value.decode("ascii", "replace")) if value else None
    except PoisonRecord:
        return None


def _number(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() else 0


def full_name(settings: Settings, topic: str) -> str:
    """Give a topic of the journey its prefix, where it is named without."""
    own = f"{settings.topics.prefix}{topic}"
    return own if own in _replayable(settings) else topic


def _replayable(settings: Settings) -> set[str]:
    topics: Topics = settings.topics
    lanes = map(topics.activations, LANES)
    return {*settings.source_topics, topics.events, topics.reentry, *lanes}


def _check(settings: Settings, selection: Selection, *, is_lane: bool) -> None:
    topic, topics = selection.topic, settings.topics
    if topic == topics.deadletters:
        raise ConfigError(
            [f"topic {topic}: dead letters: klaviyo-streams deadletters requeue"]
        )
    if topic not in _replayable(settings):
        known = ", ".join(sorted(_replayable(settings)))
        raise ConfigError([f"topic {topic}: cannot be taken in again; one of: {known}"])
    if is_lane and selection.where:
        raise ConfigError(
            ["--where: a lane carries actions, not events; replay the events topic"]
        )
