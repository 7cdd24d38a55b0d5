"""`@json`, `@flatten`, `@merge` and `@transform`: change the shape of whole objects."""

from streams.mapping.compile_context import CompileContext
from streams.mapping.errors import Unresolved
from streams.mapping.text import json_text, json_value, ordered_keys
from streams.mapping.values import DEPTH_MAX, UNDEFINED, Json, Resolver, kind_of


def json(options: Json, at: str, context: CompileContext) -> Resolver:
    """`@json`: encode as JSON text, or decode; text that is not JSON is unchanged.

    The literals 0, false and "" are values.
    """
    if not isinstance(options, dict):
        return context.reject(at, '@json requires an object with a "value" key')
    if not options.get("mode"):
        return context.reject(at, '@json requires a "mode" key')
    if options.get("value") is None:
        return context.reject(at, '@json requires a "value" key')
    get = context.compile_node(options["value"], at=f"{at}/value")
    change = _MODES.get(str(options["mode"]), _resolve_invalid_mode)
    return lambda payload: change(get(payload))


def _encode(value: Json) -> Json:
    return UNDEFINED if value is UNDEFINED else json_text(value)


def _decode(value: Json) -> Json:
    return json_value(value) if isinstance(value, str) else value


def _resolve_invalid_mode(_: object) -> Json:
    """Return `UNDEFINED`: `Encode` passes Segment's check and then has no effect."""
    return UNDEFINED


_MODES = {"encode": _encode, "decode": _decode}


def flatten(options: Json, at: str, context: CompileContext) -> Resolver:
    """`@flatten`: return a single level, with keys joined by the separator."""
    if not isinstance(options, dict):
        return context.reject(at, '@flatten requires an object with a "separator" key')
    separator = options.get("separator")
    if not separator:
        return context.reject(at, '@flatten requires a "separator" key')
    if not isinstance(separator, str):
        return context.reject(at, "@flatten requires a string separator")
    omits_arrays = bool(options.get("omitArrays")) or options.get("omitArrays") in (
        [],
        {},
    )
    branches = (dict,) if omits_arrays else (dict, list)
    value = options.get("value")
    branch = _as_object(value) if isinstance(value, branches) else value
    get = context.compile_node(branch, at=f"{at}/value")
    walk = _Flattener(separator, branches=branches)

    def resolve(payload: Json) -> dict[str, Json]:
        flat: dict[str, Json] = {}
        walk(get(payload), "", flat)
        return {key: value for key, value in flat.items() if value is not UNDEFINED}

    return resolve


class _Flattener:
    """Walker to the leaves of a value; an empty branch adds no key, as recorded."""

    __slots__ = ("_branches", "_separator")

    def __init__(self, separator: str, *, branches: tuple[type, ...]) -> None:
        self._separator = separator
        self._branches = branches

    def __call__(
        self, value: Json, prefix: str, flat: dict[str, Json], *, depth: int = 0
    ) -> None:
        """Add every leaf under `value` to `flat`."""
        if not isinstance(value, self._branches) or depth > DEPTH_MAX:
            flat[prefix] = value
            return
        keyed = _as_object(value)
        start = f"{prefix}{self._separator}" if prefix else ""
        for key in ordered_keys(keyed):
            self(keyed[key], start + key, flat, depth=depth + 1)


def _as_object(value: Json) -> dict[str, Json]:
    """Return the members that JavaScript's `Object.assign` takes from a value."""
    if isinstance(value, dict):
        return value
    if isinstance(value, (list, str)):
        return {str(index): item for index, item in enumerate(value)}
    return {}


def merge(options: Json, at: str, context: CompileContext) -> Resolver:
    """`@merge`: join the fields of all objects; `right` lets the later object win.

    A field that resolves to nothing wins too, and so removes the field.
    """
    if not isinstance(options, dict):
        wording = (
            '@merge requires an object with an "objects" key and a "direction" key'
        )
        return context.reject(at, wording)
    for key in ("direction", "objects"):
        if not options.get(key) and options.get(key) != []:
            return context.reject(at, f'@merge requires a "{key}" key')
    if not isinstance(options["objects"], list):
        return context.reject(at, "@merge: expected opts.array, got object")
    operands = [
        _compile_operand(node, at=f"{at}/objects/{index}", context=context)
        for index, node in enumerate(options["objects"])
    ]
    return _merge_operands(
        operands[::-1] if options["direction"] == "left" else operands
    )


def _compile_operand(node: object, *, at: str, context: CompileContext) -> Resolver:
    if not isinstance(node, dict) or any(key.startswith("@") for key in node):
        return context.compile_node(node, at=at)
    fields = tuple(context.compile_fields(node, at=at).items())
    return lambda payload: {
        key: resolve_field(payload) for key, resolve_field in fields
    }


def _merge_operands(operands: list[Resolver]) -> Resolver:
    def resolve(payload: Json) -> dict[str, Json]:
        merged: dict[str, Json] = {}
        for operand in operands:
            merged.update(_as_object(operand(payload)))
        return {key: value for key, value in merged.items() if value is not UNDEFINED}

    return resolve


def transform(options: Json, at: str, context: CompileContext) -> Resolver:
    """`@transform`: `apply` computes a new payload, and `mapping` maps the payload."""
    if not isinstance(options, dict):
        wording = "@transform requires an object with an "
        return context.reject(at, f'{wording}"apply" key and a "mapping" key')
    for key in ("mapping", "apply"):
        if not options.get(key) and not isinstance(options.get(key), (dict, list)):
            return context.reject(at, f'@transform requires a "{key}" key')
    if not isinstance(options["apply"], dict):
        return context.reject(at, '@transform "apply" key should be an object')
    apply = context.compile_node(options["apply"], at=f"{at}/apply")
    mapping = context.compile_node(options["mapping"], at=f"{at}/mapping")

    def resolve(payload: Json) -> Json:
        if payload is UNDEFINED:
            return mapping(apply({}))
        if not isinstance(payload, dict):
            raise Unresolved(f"data must be an object, got {kind_of(payload)}")
        return mapping(apply(payload))

    return resolve
