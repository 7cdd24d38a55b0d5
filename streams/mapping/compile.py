"""A mapping compiled once, then called for each event."""

from collections.abc import Callable

from streams.mapping.compile_context import CompileContext
from streams.mapping.directives import DIRECTIVES
from streams.mapping.errors import MappingError, MappingProblem, Unmappable, Unresolved
from streams.mapping.root import unwrap_root
from streams.mapping.validate import validate
from streams.mapping.values import Json, Resolver, kind_of


class Mapping:
    """A sound mapping; call it with an event.

    Args:
        resolver: The compiled mapping.
    """

    __slots__ = ("_resolver",)

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def __call__(self, event: dict[str, Json]) -> Json:
        """Map one event; never raises, changes nothing in the event.

        Args:
            event: Json JSON object.

        Returns:
            The value, parts of which may be the event's own; `UNDEFINED` if the
            whole mapping found nothing; `Unmappable` if the event can't be mapped.
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


def compile_mapping(
    raw: Json,
    *,
    clock: Callable[[], float] | None = None,
) -> Mapping:
    """Validate and compile a mapping as Segment stores it.

    Args:
        raw: The mapping, decoded JSON; it is not kept and not changed.
        clock: Seconds since the epoch, for `now` in a Liquid template; without one
            `now` stays that word, so that a replay gives the same values.

    Raises:
        MappingError: With every mistake and its path.
    """
    node = unwrap_root(raw)
    if isinstance(node, MappingProblem):
        raise MappingError([node])
    context = CompileContext(builders=DIRECTIVES, clock=clock)
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
    """Keep of the compiler's mistakes those whose place validation said nothing of."""
    problems = list(dict.fromkeys(validation))
    return problems + [
        problem
        for problem in compilation
        if not any(_is_same_path(problem.at, other.at) for other in validation)
    ]


def _is_same_path(problem_path: str, other_path: str) -> bool:
    first, second = (f"{path.rstrip('/')}/" for path in (problem_path, other_path))
    return first.startswith(second) or second.startswith(first)
