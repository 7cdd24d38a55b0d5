"""Compile a mapping once, then apply the compiled mapping to each event."""

from typing import Final

from streams.mapping.compile_context import CompileContext
from streams.mapping.directives import DIRECTIVES
from streams.mapping.errors import MappingError, MappingProblem, Unmappable, Unresolved
from streams.mapping.validate import validate
from streams.mapping.values import Json, Resolver, kind_of

INTERNAL_KEY: Final = "__segment_internal_directive"
"""Key under which a stored mapping keeps the directive that wraps all other fields."""


class Mapping:
    """Compiled mapping without problems; call the mapping with an event.

    Args:
        resolver: Compiled root of the mapping.
    """

    __slots__ = ("_resolver",)

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def __call__(self, event: dict[str, Json]) -> Json:
        """Map an event, without raising and without changing the event.

        Args:
            event: JSON object.

        Returns:
            The value, parts of which may belong to the event; `UNDEFINED` if the whole
            mapping resolved to nothing; `Unmappable` if the event cannot be mapped.
        """
        if type(event) is not dict:
            kind = kind_of(event)
            return Unmappable(reason=f"data must be an object, got {kind}")
        try:
            return self._resolver(event)
        except Unresolved as error:
            return Unmappable(reason=error.reason)
        except RecursionError:
            return Unmappable(reason="data is nested too deeply")


def compile_mapping(raw: Json) -> Mapping:
    """Validate and compile a mapping in Segment's stored form.

    Args:
        raw: Mapping as decoded JSON; the mapping is neither kept nor changed.

    Raises:
        MappingError: With every problem and its path.
    """
    node = unwrap_root(raw)
    if isinstance(node, MappingProblem):
        raise MappingError([node])
    context = CompileContext(builders=DIRECTIVES)
    try:
        resolver = context.compile_node(node, at="/")
        problems = _without_duplicates(list(validate(node)), context.problems)
    except RecursionError:
        raise MappingError(
            [MappingProblem(at="/", wording="is nested too deeply")]
        ) from None
    if problems:
        raise MappingError(problems)
    return Mapping(resolver)


def _without_duplicates(
    validation: list[MappingProblem], compilation: list[MappingProblem]
) -> list[MappingProblem]:
    """Return all problems, except compiler problems that validation reports too."""
    problems = list(dict.fromkeys(validation))
    return problems + [
        problem
        for problem in compilation
        if not any(_is_same_path(problem.at, other.at) for other in validation)
    ]


def _is_same_path(problem_path: str, other_path: str) -> bool:
    first, second = (f"{path.rstrip('/')}/" for path in (problem_path, other_path))
    return first.startswith(second) or second.startswith(first)


def unwrap_root(raw: Json) -> Json | MappingProblem:
    """Return the object to compile.

    An array or a string becomes the object of its elements, as recorded; any other
    value that is not an object becomes an empty object.

    Args:
        raw: Mapping as it was stored.

    Returns:
        The object, or the problem of its root directive.
    """
    if isinstance(raw, (list, str)):
        return {str(index): item for index, item in enumerate(raw)}
    if not isinstance(raw, dict):
        return {}
    return _unwrap_directive(raw) if INTERNAL_KEY in raw else raw


def _unwrap_directive(raw: dict[str, Json]) -> Json | MappingProblem:
    wrapper = raw[INTERNAL_KEY]
    fields = {key: value for key, value in raw.items() if key != INTERNAL_KEY}
    at = f"/{INTERNAL_KEY}"
    if isinstance(wrapper, (dict, list, str)) and len(wrapper) > 1:
        wording = "The root mapping must only have a single directive object"
        return MappingProblem(at=at, wording=wording)
    options = next(iter(wrapper.values()), None) if isinstance(wrapper, dict) else None
    if not isinstance(options, dict):
        return MappingProblem(at=at, wording="The root directive must be an object")
    name = next(iter(wrapper))
    return {name: {**options, "mapping": fields}}
