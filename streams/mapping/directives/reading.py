"""`@path`, `@template`, `@literal`, `@arrayPath`, `@liquid`: reading the payload."""

from streams.mapping.build import Bench, defined
from streams.mapping.errors import Unresolved
from streams.mapping.liquids.compile import LiquidMistake, compile_liquid
from streams.mapping.paths import getter, rooted
from streams.mapping.template import getter_kept, template
from streams.mapping.values import Json, Resolver, an, kind_of


def path(value: Json, at: str, bench: Bench) -> Resolver:
    """`@path`: what lies at a path; the path may itself be a directive's result."""
    if isinstance(value, str):
        return getter(rooted(value))
    found = _text("@path", value, at, bench)
    return lambda payload: getter_kept(rooted(found(payload)))(payload)


def templated(value: Json, at: str, bench: Bench) -> Resolver:
    """`@template`: text with `{{paths}}`; it may itself be a directive's result."""
    if isinstance(value, str):
        return template(value)
    found = _text("@template", value, at, bench)
    return lambda payload: template(found(payload))(payload)


def _text(name: str, value: object, at: str, bench: Bench) -> Resolver:
    if not isinstance(value, (dict, list)):
        return bench.refuse(at, f"{name}: expected string, got {kind_of(value)}")
    get = bench.resolver(value, at=at)

    def resolve(payload: Json) -> str:
        found = get(payload)
        if not isinstance(found, str):
            raise Unresolved(f"{name}: expected string, got {kind_of(found)}")
        return found

    return resolve


def literal(value: Json, at: str, bench: Bench) -> Resolver:
    """`@literal`: the value itself; directives in it are resolved."""
    return bench.resolver(value, at=at)


def array_path(value: Json, at: str, bench: Bench) -> Resolver:
    """`@arrayPath`: an array, each item in the given shape; one object is an array."""
    if not isinstance(value, list):
        wording = f"@arrayPath expected array, got {kind_of(value)}"
        return bench.refuse(at, wording)
    if not value:
        wording = f"{at} should be a string or a mapping directive but it is an "
        return bench.refuse(at, f"{wording}undefined.")
    root = value[0]
    get = _root(root, at=f"{at}/0", bench=bench)
    shape = value[1] if len(value) > 1 else None
    if not isinstance(shape, dict) or not shape:
        return get
    return _shaped(get, bench.resolver(shape, at=f"{at}/1"))


def _root(root: object, *, at: str, bench: Bench) -> Resolver:
    if isinstance(root, str):
        return getter(rooted(root))
    return bench.resolver(root, at=at)


def _shaped(get: Resolver, shape: Resolver) -> Resolver:
    def resolve(payload: Json) -> Json:
        found = get(payload)
        if isinstance(found, list):
            return [defined(shape(item)) for item in found]
        return [defined(shape(found))] if isinstance(found, dict) else found

    return resolve


def liquid(value: Json, at: str, bench: Bench) -> Resolver:
    """`@liquid`: a Liquid template, with Segment's tags, filters and limits."""
    if not isinstance(value, str):
        wording = f"{at} should be a string but it is {an(kind_of(value))}."
        return bench.refuse(at, wording)
    try:
        return compile_liquid(value, clock=bench.clock)
    except LiquidMistake as mistake:
        return bench.refuse(at, mistake.wording)
