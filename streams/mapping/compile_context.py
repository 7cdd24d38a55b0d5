"""Context that is passed to the builder of every directive during compilation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.mapping.errors import MappingProblem
from streams.mapping.values import UNDEFINED, Json, Resolver, is_directive

Builder = Callable[[Any, str, "CompileContext"], Resolver]
"""Compile one directive's options, at a path, with a context."""


def resolve_nothing(_: object) -> Json:
    """Return `UNDEFINED`; stands in for a node that could not be compiled."""
    return UNDEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileContext:
    """Compiler of mapping nodes that collects all problems.

    Args:
        builders: Builder of each directive, by name.
        problems: Problems so far.
    """

    builders: Mapping[str, Builder]
    problems: list[MappingProblem] = field(default_factory=list)

    def reject(self, at: str, wording: str) -> Resolver:
        """Record a problem, and return a placeholder for the rejected node."""
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
        """Compile the fields of an object, each with a path."""
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
    """Return null for `UNDEFINED`, to preserve positions in an array."""
    return None if value is UNDEFINED else value
