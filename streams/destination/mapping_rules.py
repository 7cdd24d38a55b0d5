"""Compilation of a mapping of the file, with the defaults of the action."""

from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from streams.actions.registry import ACTIONS
from streams.actions.spec import BATCH_FIELDS, ActionSpec
from streams.destination.model import Batching, MappingRule
from streams.destination.problems import ConfigProblems
from streams.destination.rows.reading import ROW_FIELDS, RowReader, trigger_text
from streams.errors import ConfigError
from streams.mapping import Mapping, MappingError, compile_mapping
from streams.mapping.compile import INTERNAL_KEY
from streams.mapping.values import Json
from streams.triggers.trigger import Trigger, compile_trigger

MAPPING_FIELDS: Final = (
    "name",
    "action",
    "trigger",
    *ROW_FIELDS,
    "fields",
    "mapping",
    "enabled",
    "batching",
    "expire_after_s",
)
BATCHING_FIELDS: Final = ("enabled", "size", "keys")
ALIASES: Final = {
    "partnerAction": "action",
    "actionSlug": "action",
    "subscribe": "trigger",
    "settings": "mapping",
    "model_id": "modelId",
    "reverse_etl_schedule": "reverseETLSchedule",
}
"""Names of Segment's framework, Public API and Terraform, to the names here."""

IGNORED_FIELDS: Final = frozenset(
    {"id", "actionId", "action_id", "actionName", "destinationId", "destination_id"}
    | {"type"}
)
"""Other fields of Segment's subscriptions; they have no effect."""

MODEL_ID: Final = "modelId"
"""Segment's id of a model, in subscriptions for rows; it is read as the model."""

SCHEDULE: Final = "reverseETLSchedule"
"""Segment's schedule of a model; it has no effect, and `check` says so."""

_ALLOWED_FIELDS: Final = frozenset(
    {*MAPPING_FIELDS, *ALIASES, *IGNORED_FIELDS, MODEL_ID, SCHEDULE}
)
METRIC_FIELDS: Final = ("metric_name", "event_name", "product_event_name")
"""Fields that hold the name of a metric."""


def compile_rule(raw: Json, *, at: str, problems: ConfigProblems) -> MappingRule | None:
    """Compile a single mapping of the file.

    `fields` changes single fields of the action's default mapping (null empties a
    field). `mapping` is Segment's own JSON, which replaces the default mapping; as with
    Segment, its unknown fields have no effect.

    Args:
        raw: The mapping as the file has it.
        at: Path of the mapping in the file.
        problems: Collects the problems.

    Returns:
        The mapping; None if it is invalid or not enabled.
    """
    raw_fields = problems.object_at(raw, at=at)
    if raw is not None and not isinstance(raw, dict):
        return None
    problems.add_unknown_names(
        raw_fields, _ALLOWED_FIELDS, at=f"{at}.", what="part of a mapping"
    )
    parts = {ALIASES.get(name, name): value for name, value in raw_fields.items()}
    action = problems.text_at(parts.get("action"), at=f"{at}.action")
    if not action:
        if parts.get("action") is None:
            problems.add(f"{at}.action", "is missing")
        return None
    problems.add_unknown_names([action], ACTIONS, at=f"{at}.action: ", what="action")
    enabled = problems.boolean_at(
        parts.get("enabled"), at=f"{at}.enabled", default=True
    )
    if action not in ACTIONS:
        return None
    rule = _compile_parts_of(parts, ACTIONS[action], at=at, problems=problems)
    return rule if enabled else None


def _compile_parts_of(
    parts: dict[str, Json], spec: ActionSpec, *, at: str, problems: ConfigProblems
) -> MappingRule | None:
    fields = _read_fields(parts, spec, at=at, problems=problems)
    batching = _read_batching(parts, fields, spec, at=at, problems=problems)
    name = problems.text_at(parts.get("name"), at=f"{at}.name", default=spec.title)
    written = problems.text_at(parts.get("trigger"), at=f"{at}.trigger")
    trigger = _compile_trigger(written, at=f"{at}.trigger", problems=problems)
    if written and trigger is None:
        return None
    rows = RowReader(
        parts=parts,
        action=spec,
        trigger=trigger,
        fields=fields,
        at=at,
        problems=problems,
    ).read()
    mapping = compile_fields(fields, at=f"{at}.{_fields_key(parts)}", problems=problems)
    if parts.get(SCHEDULE) is not None:
        message = "has no effect: Segment's schedule is not that of a source here"
        problems.warn(f"{at}.{SCHEDULE}", message)
    if mapping is None or (rows and not rows.changes):
        return None
    default_trigger = trigger_text(rows) if rows else spec.trigger
    return MappingRule(
        name=name,
        action=spec,
        trigger=trigger or compile_trigger(default_trigger),
        rows=rows,
        build_payload=mapping,
        metrics=tuple(dict.fromkeys(_metric_names(fields))),
        batching=batching,
        expire_after_s=problems.seconds_at(
            parts.get("expire_after_s"), at=f"{at}.expire_after_s"
        ),
    )


def _metric_names(fields: dict[str, Any]) -> Iterator[str]:
    for field in METRIC_FIELDS:
        yield from _literal_texts(fields.get(field))


def _literal_texts(node: Json) -> Iterator[str]:
    """Yield the texts in a part of a mapping that do not depend on the event."""
    match node:
        case str() if node:
            yield node
        case {"@literal": str(text)}:
            yield text
        case {"@template": str(text)} if "{{" not in text:
            yield text
        case {"@if": dict(branches)}:
            yield from _literal_texts(branches.get("then"))
            yield from _literal_texts(branches.get("else"))
        case _:
            return


def _fields_key(parts: dict[str, Json]) -> str:
    return "mapping" if parts.get("mapping") is not None else "fields"


def _read_fields(
    parts: dict[str, Json], spec: ActionSpec, *, at: str, problems: ConfigProblems
) -> dict[str, Any]:
    key = _fields_key(parts)
    written = problems.object_at(parts.get(key), at=f"{at}.{key}")
    if key == "mapping":
        return written
    allowed = {field.name for field in (*spec.fields, *BATCH_FIELDS)}
    problems.add_unknown_names(
        written, allowed | {INTERNAL_KEY}, at=f"{at}.{key}.", what=f"{spec.name} field"
    )
    overlaid = {**spec.default_mapping, **written}
    return {name: value for name, value in overlaid.items() if value is not None}


def _read_batching(
    parts: dict[str, Json],
    fields: dict[str, Any],
    spec: ActionSpec,
    *,
    at: str,
    problems: ConfigProblems,
) -> Batching:
    at = f"{at}.batching"
    raw = parts.get("batching")
    as_object = {"enabled": raw} if isinstance(raw, bool) else raw
    options = problems.object_at(as_object, at=at)
    problems.add_unknown_names(
        options, BATCHING_FIELDS, at=f"{at}.", what="part of batching"
    )
    size, keys = options.get("size"), options.get("keys")
    if not (size is None or _is_size(size)):
        problems.add(f"{at}.size", "is not a whole number from 1")
    if not (keys is None or _is_list_of_keys(keys)):
        problems.add(f"{at}.keys", "is not a list of field names")
    size = fields.get("batch_size") if size is None else size
    keys = fields.get("batch_keys") if keys is None else keys
    return Batching(
        enabled=problems.boolean_at(
            options.get("enabled"),
            at=f"{at}.enabled",
            default=fields.get("enable_batching") is not False,
        ),
        size=min(size, spec.batch_size) if _is_size(size) else spec.batch_size,
        keys=tuple(keys) if _is_list_of_keys(keys) else spec.batch_keys,
    )


def _is_size(value: Json) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_list_of_keys(value: Json) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(key, str) for key in value)


def _compile_trigger(text: str, *, at: str, problems: ConfigProblems) -> Trigger | None:
    """Compile a trigger; None for an empty text or a wrong trigger."""
    try:
        return compile_trigger(text) if text else None
    except ConfigError as err:
        for line in err.problems:
            problems.add(at, line)
        return None


def compile_fields(
    fields: Json, *, at: str, problems: ConfigProblems
) -> Mapping | None:
    """Compile directives of the file; None if there are problems."""
    try:
        return compile_mapping(fields)
    except MappingError as err:
        for problem in err.mapping_problems:
            path = problem.at.strip("/").replace("/", ".")
            wording = problem.wording.removeprefix(f"{problem.at} ")
            problems.add(f"{at}.{path}".rstrip("."), wording)
        return None
