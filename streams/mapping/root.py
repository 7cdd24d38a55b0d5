"""The root of a mapping: what Segment accepts there beside an object."""

from typing import Final

from streams.mapping.errors import MappingProblem
from streams.mapping.values import Json

INTERNAL_KEY: Final = "__segment_internal_directive"
"""Under it a stored mapping keeps the directive that wraps all its other fields."""


def unwrap_root(raw: Json) -> Json | MappingProblem:
    """Give the mapping to compile.

    An array or a string is the object of its elements, as recorded; any other value
    that is no object is an empty one.

    Args:
        raw: The mapping as it was stored.

    Returns:
        The object, or why the root directive in it is none.
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
