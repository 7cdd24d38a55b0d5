"""The compiler's bench: every directive's builder gets it, and reports to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.mapping.errors import MappingProblem
from streams.mapping.values import UNDEFINED, Json, Resolver, is_directive

Builder = Callable[[Any, str, "CompileContext"], Resolver]
"""Compiles one directive's options, at a path, on a bench."""


def resolve_nothing(_: object) -> Json:
    """Resolve to nothing; stands where a mistake was found."""
    return UNDEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileContext:
    """Compiles nodes and gathers what is wrong with them.

    Args:
        builders: One for each directive, by its name.
        clock: Seconds since the epoch, for `now` in a Liquid template; `None` leaves
            `now` the word it is.
        problems: The mistakes so far.
    """

    builders: Mapping[str, Builder]
    clock: Callable[[], float] | None = None
    problems: list[MappingProblem] = field(default_factory=list)

    def reject(self, at: str, wording: str) -> Resolver:
        """Note a mistake; the resolver stands in for what can't be compiled."""
        self.problems.append(MappingProblem(at=at, wording=wording))
        return resolve_nothing

    def compile_node(self, node: object, *, at: str) -> Resolver:
        """Compile any node: a directive, an object or array of nodes, a literal."""
        if is_directive(node):
            return self._compile_directive(node, at=at)
        if isinstance(node, dict):
            return self._compile_object(node, at=at)
        if isinstance(node, list):
            return self._compile_array(node, at=at)
        return lambda _: node

    def compile_fields(
        self, node: Mapping[str, object], *, at: str
    ) -> dict[str, Resolver]:
        """Compile the fields of an object, each at its path."""
        return {
            key: self.compile_node(value, at=f"{at.rstrip('/')}/{key}")
            for key, value in node.items()
        }

    def _compile_directive(self, node: Mapping[str, object], *, at: str) -> Resolver:
        name = next(key for key in node if key.startswith("@"))
        build = self.builders.get(name)
        if build is None:
            wording = f"{name} is not a valid directive, got undefined"
            return self.reject(at, wording)
        return build(node[name], f"{at.rstrip('/')}/{name}", self)

    def _compile_object(self, node: Mapping[str, object], *, at: str) -> Resolver:
        fields = tuple(self.compile_fields(node, at=at).items())

        def resolve(payload: Json) -> dict[str, Json]:
            result = {}
            for key, resolve_field in fields:
                value = resolve_field(payload)
                if value is not UNDEFINED:
                    result[key] = value
            return result

        return resolve

    def _compile_array(self, node: list[object], *, at: str) -> Resolver:
        items = tuple(
            self.compile_node(element, at=f"{at.rstrip('/')}/{index}")
            for index, element in enumerate(node)
        )

        def resolve(payload: Json) -> list[Json]:
            return [null_if_undefined(item(payload)) for item in items]

        return resolve


def null_if_undefined(value: Json) -> Json:
    """Make null of nothing: an array keeps its places."""
    return None if value is UNDEFINED else value
