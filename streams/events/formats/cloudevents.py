"""Source format `cloudevents`: CloudEvents 1.0 round an event.

Spec: cloudevents/spec commit c2845a4, kafka-protocol-binding.md and json-format.md. In
structured mode the value is the envelope; in binary mode the headers are, and the value
is the data. There is no batch mode on Kafka.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from streams.errors import PoisonRecord
from streams.events.formats.custom import map_to_event
from streams.events.formats.source_record import Bodies, DecodedRecord, SkippedRecord
from streams.events.sources import Source
from streams.events.text import read_json
from streams.events.time import TIME_FIELDS

ATTRIBUTE_PREFIX: Final = "ce_"
"""Prefix of attributes among the headers, in binary mode."""

CONTENT_TYPE: Final = "content-type"
MEDIA_TYPE: Final = "application/cloudevents"
"""Content type of structured mode; case does not count, parameters may follow."""

REQUIRED: Final = ("id", "source", "type")
SPEC_VERSION: Final = "1.0"


def bodies_of(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    """Return the event in the data, or the event that the source's mapping makes.

    Raises:
        PoisonRecord: The record is not a CloudEvent, or the data is not an event.
    """
    content_type = content_type_of(record.source.headers)
    is_binary = not content_type.startswith(MEDIA_TYPE) and is_binary_mode(record)
    if record.value is None and is_binary:
        return SkippedRecord(code="tombstone", reason="a CloudEvent without data")
    if record.value is None:
        raise PoisonRecord("no-value", "the record has no value")
    if is_binary:
        envelope = {**_attributes(record.source.headers), "data": record.value}
    else:
        envelope = _read_structured(record.value, content_type)
    _check(envelope)
    return [_with_defaults(_event_of(envelope, source), envelope)]


def is_binary_mode(record: DecodedRecord) -> bool:
    """Return True if the headers hold the attributes."""
    return f"{ATTRIBUTE_PREFIX}specversion" in record.source.headers


def content_type_of(headers: Mapping[str, bytes]) -> str:
    """Return the content type in lower case; empty if no header names one."""
    for name, value in headers.items():
        if name.lower() == CONTENT_TYPE:
            return value.decode("latin-1").strip().lower()
    return ""


def _attributes(headers: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        name.removeprefix(ATTRIBUTE_PREFIX): _attribute_text(name, value)
        for name, value in headers.items()
        if name.startswith(ATTRIBUTE_PREFIX)
    }


def _attribute_text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise PoisonRecord("bad-attribute", f"header {name} is not UTF-8") from None


def _read_structured(value: object, content_type: str) -> dict[str, Any]:
    """Read an envelope; Debezium's converter writes some without a content type."""
    if content_type.startswith(f"{MEDIA_TYPE}-batch") or isinstance(value, list):
        raise PoisonRecord("batch-mode", "CloudEvents have no batch mode on Kafka")
    if not isinstance(value, dict):
        raise PoisonRecord("not-an-object", "the value is JSON but not an object")
    if not content_type.startswith(MEDIA_TYPE) and "specversion" not in value:
        raise PoisonRecord(
            "not-a-cloudevent",
            "neither a header ce_specversion, nor the content type "
            f"{MEDIA_TYPE}+json, nor a member specversion",
        )
    return _with_decoded_data(value)


def _with_decoded_data(envelope: dict[str, Any]) -> dict[str, Any]:
    if (encoded := envelope.get("data_base64")) is None:
        return envelope
    if envelope.get("data") is not None:
        raise PoisonRecord("bad-data", "both data and data_base64 are there")
    if not isinstance(encoded, str):
        raise PoisonRecord("bad-data", "data_base64 is not text")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise PoisonRecord("bad-data", "data_base64 is not base64") from None
    decoded = {name: value for name, value in envelope.items() if name != "data_base64"}
    return {**decoded, "data": read_json(raw)}


def _check(envelope: Mapping[str, Any]) -> None:
    if envelope.get("specversion") != SPEC_VERSION:
        raise PoisonRecord("bad-spec-version", f"specversion is not {SPEC_VERSION}")
    for name in REQUIRED:
        value = envelope.get(name)
        if not isinstance(value, str) or not value.strip():
            raise PoisonRecord("bad-attribute", f"{name} is missing or not text")
    time = envelope.get("time")
    if not (time is None or isinstance(time, str)):
        raise PoisonRecord("bad-attribute", "time is not text")


def _event_of(envelope: dict[str, Any], source: Source) -> dict[str, Any]:
    if source.to_event is not None:
        return map_to_event(envelope, source)
    data = envelope.get("data")
    if data is None:
        raise PoisonRecord("no-data", "the CloudEvent has no data")
    if not isinstance(data, dict):
        fix = f"map it to an event: sources.{source.name}.event"
        raise PoisonRecord("not-an-object", f"the data is not an object; {fix}")
    return data


def _with_defaults(body: dict[str, Any], envelope: dict[str, Any]) -> dict[str, Any]:
    """Return an event, with the envelope's id and time for a missing id and time.

    Source and id together name a CloudEvent; a space is in neither of them.
    """
    defaults: dict[str, Any] = {}
    if not body.get("messageId"):
        defaults["messageId"] = f"{envelope['source']} {envelope['id']}"
    if envelope.get("time") and not any(body.get(name) for name in TIME_FIELDS):
        defaults["timestamp"] = envelope["time"]
    return {**body, **defaults}
