"""`@if`, `@case` and `@excludeWhenNull`: directives that choose or drop a value."""

from streams.mapping.compile_context import CompileContext, resolve_nothing
from streams.mapping.text import text_of
from streams.mapping.values import UNDEFINED, Json, Resolver, without_nulls


def choose(options: Json, at: str, context: CompileContext) -> Resolver:
    """`@if`: resolve `then` if `exists` (or `blank`) has a value, else `else`.

    `exists` needs a value that is not null; `blank`, in spite of its name, a value that
    is not blank either (JavaScript's `!= ""`: 0, false and [] are blank). The literals
    0, false and "" are values, also after `exists` and `else`.
    """
    if not isinstance(options, dict):
        return context.reject(at, '@if requires an object with an "exists" key')
    if options.get("exists") is None and options.get("blank") is None:
        wording = '@if requires an "exists" key or a "blank" key'
        return context.reject(at, wording)
    parts = context.compile_fields(options, at=at)
    if options.get("else") is None:
        parts.pop("else", None)
    then, other = parts.get("then", resolve_nothing), parts.get("else", resolve_nothing)
    if "exists" in parts:
        if repr(options["exists"]) == repr(options.get("then")):  # 1 is not true
            return _first_existing(parts["exists"], other=other)
        return _choose_if_exists(parts["exists"], then=then, other=other)
    if repr(options["blank"]) == repr(options.get("then")):
        return _first_not_blank(parts["blank"], other=other)
    return _choose_if_not_blank(parts["blank"], then=then, other=other)


def _choose_if_exists(test: Resolver, *, then: Resolver, other: Resolver) -> Resolver:
    def resolve(payload: Json) -> Json:
        value = test(payload)
        if value is None or value is UNDEFINED:
            return other(payload)
        return then(payload)

    return resolve


def _first_existing(get: Resolver, *, other: Resolver) -> Resolver:
    """Return a resolver of a value that exists, else of the other value."""

    def resolve(payload: Json) -> Json:
        value = get(payload)
        return other(payload) if value is None or value is UNDEFINED else value

    return resolve


def _choose_if_not_blank(
    test: Resolver, *, then: Resolver, other: Resolver
) -> Resolver:
    def resolve(payload: Json) -> Json:
        return other(payload) if _is_blank(test(payload)) else then(payload)

    return resolve


def _first_not_blank(get: Resolver, *, other: Resolver) -> Resolver:
    """Return a resolver of a value that is not blank, else of the other value."""

    def resolve(payload: Json) -> Json:
        value = get(payload)
        if value is UNDEFINED or _is_blank(value):
            return other(payload)
        return value

    return resolve


def _is_blank(value: object) -> bool:
    if type(value) is str:
        return not value
    if value is None or value is UNDEFINED:
        return True
    if isinstance(value, list):
        return not text_of(value)
    return not isinstance(value, dict) and not value


_CASES = {"lower": str.lower, "upper": str.upper}


def case(options: Json, at: str, context: CompileContext) -> Resolver:
    """`@case`: change a text to lower or upper case; other values are unchanged."""
    if not isinstance(options, dict):
        return context.reject(at, '@case requires an object with a "operator" key')
    if not options.get("operator"):
        return context.reject(at, '@case requires a "operator" key')
    change = _CASES.get(str(options["operator"]))
    if change is None:
        wording = 'operator key should have a value of "lower" or "upper"'
        return context.reject(f"{at}/operator", wording)
    if not options.get("value") and not isinstance(options.get("value"), list):
        return resolve_nothing
    get = context.compile_node(options["value"], at=f"{at}/value")

    def resolve(payload: Json) -> Json:
        value = get(payload)
        return change(value) if isinstance(value, str) else value

    return resolve


def exclude_when_null(value: Json, at: str, context: CompileContext) -> Resolver:
    """`@excludeWhenNull`: return `UNDEFINED` for null, objects without null fields."""
    get = context.compile_node(value, at=at)

    def resolve(payload: Json) -> Json:
        resolved = get(payload)
        return UNDEFINED if resolved is None else without_nulls(resolved)

    return resolve
