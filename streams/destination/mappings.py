"""One mapping of the file → compiled, with its preset where it says nothing."""

from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from streams.actions.catalogue import CATALOGUE
from streams.actions.spec import BATCH_FIELDS, ActionSpec
from streams.destination.mistakes import Json, Mistakes
from streams.destination.model import Batching, MappingRule
from streams.errors import ConfigError
from streams.mapping import Mapping, MappingError, compile_mapping
from streams.mapping.root import INTERNAL_KEY
from streams.triggers.trigger import Trigger, compile_trigger

_OURS: Final = (
    "name",
    "action",
    "trigger",
    "fields",
    "enabled",
    "batching",
    "expire_after_s",
)
_ALIASES: Final = {
    "partnerAction": "action",
    "actionSlug": "action",
    "subscribe": "trigger",
    "settings": "mapping",
}
"""Segment's names, of its framework and of its Public API → ours."""

_UNUSED: Final = frozenset(
    {"id", "actionId", "actionName", "destinationId", "modelId", "type"}
)
"""What else stands in Segment's subscriptions."""

_KNOWN: Final = frozenset({*_OURS, "mapping", *_ALIASES, *_UNUSED})
_BATCHING: Final = ("enabled", "size", "keys")
METRIC_FIELDS: Final = ("metric_name", "event_name", "product_event_name")
"""Fields that hold the name of a metric."""


def compiled(raw: Json, *, at: str, mistakes: Mistakes) -> MappingRule | None:
    """Compile one mapping.

    `fields` changes single fields of the action's default mapping (null empties one);
    `mapping` is Segment's own JSON, which replaces it, and in which, as with Segment,
    what is no field does nothing.

    Args:
        raw: As the file has it.
        at: Its path in the file.
        mistakes: Where mistakes are noted.

    Returns:
        The mapping; None where it is wrong or not enabled.
    """
    found = mistakes.object_at(raw, at=at)
    if raw is not None and not isinstance(raw, dict):
        return None
    mistakes.unknown(found, _KNOWN, at=f"{at}.", what="part of a mapping")
    given = {_ALIASES.get(name, name): value for name, value in found.items()}
    action = mistakes.text_at(given.get("action"), at=f"{at}.action")
    if not action:
        if given.get("action") is None:
            mistakes.note(f"{at}.action", "is missing")
        return None
    mistakes.unknown([action], CATALOGUE, at=f"{at}.action: ", what="action")
    enabled = mistakes.boolean_at(
        given.get("enabled"), at=f"{at}.enabled", default=True
    )
    if action not in CATALOGUE:
        return None
    rule = _rule(given, CATALOGUE[action], at=at, mistakes=mistakes)
    return rule if enabled else None


def _rule(
    given: dict[str, Json], spec: ActionSpec, *, at: str, mistakes: Mistakes
) -> MappingRule | None:
    fields = _fields(given, spec, at=at, mistakes=mistakes)
    batching = _batching(given, fields, spec, at=at, mistakes=mistakes)
    name = mistakes.text_at(given.get("name"), at=f"{at}.name", default=spec.title)
    text = mistakes.text_at(
        given.get("trigger"), at=f"{at}.trigger", default=spec.trigger
    )
    trigger = _trigger(text, at=f"{at}.trigger", mistakes=mistakes)
    mapping = _mapping(fields, at=f"{at}.{_place(given)}", mistakes=mistakes)
    if trigger is None or mapping is None:
        return None
    return MappingRule(
        name=name,
        action=spec,
        trigger=trigger,
        fields=mapping,
        metrics=tuple(
            dict.fromkeys(
                name for field in METRIC_FIELDS for name in _written(fields.get(field))
            )
        ),
        batching=batching,
        expire_after_s=mistakes.seconds_at(
            given.get("expire_after_s"), at=f"{at}.expire_after_s"
        ),
    )


def _written(node: Json) -> Iterator[str]:
    """Give the texts that a part of a mapping writes itself, whatever the event."""
    match node:
        case str() if node:
            yield node
        case {"@literal": str(text)}:
            yield text
        case {"@template": str(text)} if "{{" not in text:
            yield text
        case {"@if": dict(branches)}:
            yield from _written(branches.get("then"))
            yield from _written(branches.get("else"))
        case _:
            return


def _place(given: dict[str, Json]) -> str:
    return "mapping" if given.get("mapping") is not None else "fields"


def _fields(
    given: dict[str, Json], spec: ActionSpec, *, at: str, mistakes: Mistakes
) -> dict[str, Any]:
    place = _place(given)
    found = mistakes.object_at(given.get(place), at=f"{at}.{place}")
    if place == "mapping":
        return found
    known = {field.name for field in (*spec.fields, *BATCH_FIELDS)}
    mistakes.unknown(
        found, known | {INTERNAL_KEY}, at=f"{at}.{place}.", what=f"{spec.name} field"
    )
    overlaid = {**spec.mapping, **found}
    return {name: value for name, value in overlaid.items() if value is not None}


def _batching(
    given: dict[str, Json],
    fields: dict[str, Any],
    spec: ActionSpec,
    *,
    at: str,
    mistakes: Mistakes,
) -> Batching:
    at = f"{at}.batching"
    raw = given.get("batching")
    told = {"enabled": raw} if isinstance(raw, bool) else raw
    found = mistakes.object_at(told, at=at)
    mistakes.unknown(found, _BATCHING, at=f"{at}.", what="part of batching")
    size, keys = found.get("size"), found.get("keys")
    if not (size is None or _is_size(size)):
        mistakes.note(f"{at}.size", "is no whole number from 1")
    if not (keys is None or _are_keys(keys)):
        mistakes.note(f"{at}.keys", "is no list of field names")
    size = fields.get("batch_size") if size is None else size
    keys = fields.get("batch_keys") if keys is None else keys
    return Batching(
        enabled=mistakes.boolean_at(
            found.get("enabled"),
            at=f"{at}.enabled",
            default=fields.get("enable_batching") is not False,
        ),
        size=min(size, spec.batch_size) if _is_size(size) else spec.batch_size,
        keys=tuple(keys) if _are_keys(keys) else spec.batch_keys,
    )


def _is_size(value: Json) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _are_keys(value: Json) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(key, str) for key in value)


def _trigger(text: str, *, at: str, mistakes: Mistakes) -> Trigger | None:
    try:
        return compile_trigger(text)
    except ConfigError as err:
        for line in err.mistakes:
            mistakes.note(at, line)
        return None


def _mapping(fields: Json, *, at: str, mistakes: Mistakes) -> Mapping | None:
    try:
        return compile_mapping(fields)
    except MappingError as err:
        for mistake in err.found:
            path = mistake.at.strip("/").replace("/", ".")
            wording = mistake.wording.removeprefix(f"{mistake.at} ")
            mistakes.note(f"{at}.{path}".rstrip("."), wording)
        return None
