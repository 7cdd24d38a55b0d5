"""`@path`, `@template`, `@literal`, `@arrayPath`, `@liquid`: read the payload."""

from streams.mapping.compile_context import CompileContext, null_if_undefined
from streams.mapping.errors import Unresolved
from streams.mapping.liquid.compile import LiquidTemplateError, compile_liquid
from streams.mapping.paths import compile_path, strip_root_prefix
from streams.mapping.template import cached_compile_path, compile_template
from streams.mapping.values import Json, Resolver, kind_of, with_article


def path(value: Json, at: str, context: CompileContext) -> Resolver:
    """`@path`: return the value at a path; the path may be a directive's result."""
    if isinstance(value, str):
        return compile_path(strip_root_prefix(value))
    get_path = _compile_text("@path", value, at, context)
    return lambda payload: cached_compile_path(strip_root_prefix(get_path(payload)))(
        payload
    )


def compile_template_directive(
    value: Json, at: str, context: CompileContext
) -> Resolver:
    """`@template`: fill in `{{paths}}`; the text may be a directive's result."""
    if isinstance(value, str):
        return compile_template(value)
    get_template = _compile_text("@template", value, at, context)
    return lambda payload: compile_template(get_template(payload))(payload)


def _compile_text(
    name: str, value: object, at: str, context: CompileContext
) -> Resolver:
    if not isinstance(value, (dict, list)):
        return context.reject(at, f"{name}: expected string, got {kind_of(value)}")
    get = context.compile_node(value, at=at)

    def resolve(payload: Json) -> str:
        text = get(payload)
        if not isinstance(text, str):
            raise Unresolved(f"{name}: expected string, got {kind_of(text)}")
        return text

    return resolve


def literal(value: Json, at: str, context: CompileContext) -> Resolver:
    """`@literal`: return a literal value; directives inside are resolved."""
    return context.compile_node(value, at=at)


def array_path(value: Json, at: str, context: CompileContext) -> Resolver:
    """`@arrayPath`: return an array, with items in a shape; an object is an item."""
    if not isinstance(value, list):
        wording = f"@arrayPath expected array, got {kind_of(value)}"
        return context.reject(at, wording)
    if not value:
        wording = f"{at} should be a string or a mapping directive but it is an "
        return context.reject(at, f"{wording}undefined.")
    root = value[0]
    get = _compile_root(root, at=f"{at}/0", context=context)
    shape = value[1] if len(value) > 1 else None
    if not isinstance(shape, dict) or not shape:
        return get
    return _apply_shape(get, context.compile_node(shape, at=f"{at}/1"))


def _compile_root(root: object, *, at: str, context: CompileContext) -> Resolver:
    if isinstance(root, str):
        return compile_path(strip_root_prefix(root))
    return context.compile_node(root, at=at)


def _apply_shape(get: Resolver, shape: Resolver) -> Resolver:
    def resolve(payload: Json) -> Json:
        value = get(payload)
        if isinstance(value, list):
            return [null_if_undefined(shape(item)) for item in value]
        return [null_if_undefined(shape(value))] if isinstance(value, dict) else value

    return resolve


def liquid(value: Json, at: str, context: CompileContext) -> Resolver:
    """`@liquid`: render a Liquid template, with Segment's tags, filters and limits."""
    if not isinstance(value, str):
        wording = f"{at} should be a string but it is {with_article(kind_of(value))}."
        return context.reject(at, wording)
    try:
        return compile_liquid(value)
    except LiquidTemplateError as error:
        return context.reject(at, error.wording)
