"""A mapping compiled once, then called for each event."""

from collections.abc import Callable

from streams.mapping.build import Bench
from streams.mapping.directives import DIRECTIVES
from streams.mapping.errors import MappingError, Mistake, Unmappable, Unresolved
from streams.mapping.root import rooted_mapping
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
        except Unresolved as unresolved:
            return Unmappable(reason=unresolved.reason)
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
    node = rooted_mapping(raw)
    if isinstance(node, Mistake):
        raise MappingError([node])
    bench = Bench(builders=DIRECTIVES, clock=clock)
    try:
        resolver = bench.resolver(node, at="/")
        faults = _distinct(list(validate(node)), bench.found)
    except RecursionError:
        raise MappingError([Mistake(at="/", wording="is nested too deeply")]) from None
    if faults:
        raise MappingError(faults)
    return Mapping(resolver)


def _distinct(seen: list[Mistake], compiled: list[Mistake]) -> list[Mistake]:
    """Keep of the compiler's mistakes those whose place validation said nothing of."""
    kept = list(dict.fromkeys(seen))
    return kept + [
        mistake
        for mistake in compiled
        if not any(_related(mistake.at, known.at) for known in seen)
    ]


def _related(one: str, other: str) -> bool:
    first, second = (f"{path.rstrip('/')}/" for path in (one, other))
    return first.startswith(second) or second.startswith(first)
