"""The mapping kit gives the results that were recorded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.mapping import (
    UNDEFINED,
    MappingError,
    Unmappable,
    compile_mapping,
)
from streams.mapping.values import Json

_VECTORS = Path(__file__).parents[2] / "cases" / "segment"

_FALSY_PARTS = {
    "@if": ("exists", "blank", "else"),
    "@json": ("value",),
    "@replace": ("value",),
}
"""Options in which the recorded kit ignores 0, false and "": defect 36."""


def _lines(name: str) -> Iterator[Any]:
    path = _VECTORS / name
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        vector = json.loads(line)
        yield pytest.param(vector, id=f"{number}-{vector['test']}")


def _is_falsy_literal(node: object) -> bool:
    return node is False or node == "" or (type(node) in {int, float} and node == 0)


def _loses_a_falsy_literal(node: Json) -> bool:
    """Return True for a mapping that is affected by defect 36."""
    if isinstance(node, list):
        return any(map(_loses_a_falsy_literal, node))
    if not isinstance(node, dict):
        return False
    return any(
        isinstance(item, dict)
        and any(_is_falsy_literal(item.get(part)) for part in _FALSY_PARTS.get(key, ()))
        for key, item in node.items()
    ) or any(map(_loses_a_falsy_literal, node.values()))


def _outcome(vector: dict[str, Json]) -> object:
    try:
        value = compile_mapping(vector["mapping"])(vector["data"])
    except MappingError as error:
        return [mistake.wording for mistake in error.mapping_problems]
    return [value.reason] if isinstance(value, Unmappable) else value


def _recorded(vector: dict[str, Json]) -> object:
    """Return the recorded value; the recorder could not write some values."""
    if "expected" in vector:
        return vector["expected"]
    return vector.get("errors", UNDEFINED)


@pytest.mark.parametrize("vector", list(_lines("mapping_kit.jsonl")))
def test_a_mapping_does_what_was_recorded(vector: dict[str, Json]) -> None:
    """Values and wording are as recorded, except where defect 36 applies."""
    outcome = _outcome(vector)

    if _loses_a_falsy_literal(vector["mapping"]):
        assert outcome != _recorded(vector)
    else:
        assert outcome == _recorded(vector)
