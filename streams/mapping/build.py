"""The compiler's bench: every directive's builder gets it, and reports to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.mapping.errors import Mistake
from streams.mapping.values import UNDEFINED, Json, Resolver, is_directive

Builder = Callable[[Any, str, "Bench"], Resolver]
"""Compiles one directive's options, at a path, on a bench."""


def nothing(_: object) -> Json:
    """Resolve to nothing; stands where a mistake was found."""
    return UNDEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Compiles nodes and gathers what is wrong with them.

    Args:
        builders: One for each directive, by its name.
        clock: Seconds since the epoch, for `now` in a Liquid template; `None` leaves
            `now` the word it is.
        found: The mistakes so far.
    """

    builders: Mapping[str, Builder]
    clock: Callable[[], float] | None = None
    found: list[Mistake] = field(default_factory=list)

    def refuse(self, at: str, wording: str) -> Resolver:
        """Note a mistake; the resolver stands in for what can't be compiled."""
        self.found.append(Mistake(at=at, wording=wording))
        return nothing

    def resolver(self, node: object, *, at: str) -> Resolver:
        """Compile any node: a directive, an object or array of nodes, a literal."""
        if is_directive(node):
            return self._directive(node, at=at)
        if isinstance(node, dict):
            return self._object(node, at=at)
        if isinstance(node, list):
            return self._array(node, at=at)
        return lambda _: node

    def fields(self, node: Mapping[str, object], *, at: str) -> dict[str, Resolver]:
        """Compile the fields of an object, each at its path."""
        return {
            key: self.resolver(held, at=f"{at.rstrip('/')}/{key}")
            for key, held in node.items()
        }

    def _directive(self, node: Mapping[str, object], *, at: str) -> Resolver:
        name = next(key for key in node if key.startswith("@"))
        build = self.builders.get(name)
        if build is None:
            wording = f"{name} is not a valid directive, got undefined"
            return self.refuse(at, wording)
        return build(node[name], f"{at.rstrip('/')}/{name}", self)

    def _object(self, node: Mapping[str, object], *, at: str) -> Resolver:
        fields = tuple(self.fields(node, at=at).items())

        def resolve(payload: Json) -> dict[str, Json]:
            made = {}
            for key, held in fields:
                value = held(payload)
                if value is not UNDEFINED:
                    made[key] = value
            return made

        return resolve

    def _array(self, node: list[object], *, at: str) -> Resolver:
        items = tuple(
            self.resolver(held, at=f"{at.rstrip('/')}/{index}")
            for index, held in enumerate(node)
        )

        def resolve(payload: Json) -> list[Json]:
            return [defined(item(payload)) for item in items]

        return resolve


def defined(value: Json) -> Json:
    """Make null of nothing: an array keeps its places."""
    return None if value is UNDEFINED else value
