"""Source format `custom`: objects of your own, mapped to events by directives."""

from typing import Any

from streams.errors import PoisonRecord
from streams.events.formats.source_record import Bodies, DecodedRecord
from streams.events.sources import Source


def bodies_of(record: DecodedRecord, source: Source) -> Bodies:
    """Return the event that the source's mapping makes of the value.

    Raises:
        PoisonRecord: `no-value`, `not-an-object` or `unmappable`.
    """
    if record.value is None:
        raise PoisonRecord("no-value", "the record has no value")
    if not isinstance(record.value, dict):
        raise PoisonRecord("not-an-object", "the value is JSON but not an object")
    return [map_to_event(record.value, source)]


def map_to_event(value: dict[str, Any], source: Source) -> dict[str, Any]:
    """Return the event that the source's mapping makes of an object.

    Raises:
        PoisonRecord: `unmappable`.
    """
    event = source.to_event(value) if source.to_event else value
    if not isinstance(event, dict):
        reason = getattr(event, "reason", "the mapping does not make an object")
        raise PoisonRecord("unmappable", f"the event of {source.name}: {reason}")
    return event
