"""Markdown table of all settings, rendered from the model."""

from collections.abc import Iterator
from enum import EnumType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Meta

from streams.settings.model import Secret, Settings

_HEADER = "| name | type | default | description |\n|---|---|---|---|\n"

_TYPE_NAMES = {
    str: "text",
    int: "integer",
    float: "number",
    Secret: "secret, environment only",
}


def settings_table() -> str:
    """Return a Markdown table with a row for each setting, in the model's order."""
    return _HEADER + "".join(_rows())


def _rows() -> Iterator[str]:
    defaults = Settings()
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        cells = (
            f"`{name}`",
            _describe_type(hint),
            _format_default(getattr(defaults, name)),
            _description(hint),
        )
        yield f"| {' | '.join(cells)} |\n"


def _describe_type(hint: Any) -> str:  # noqa: ANN401  # a type hint
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    arguments = get_args(bare)
    if isinstance(bare, EnumType) or get_origin(bare) is Literal:
        choices = [f"`{choice}`" for choice in arguments or bare if choice]
        return f"one of {', '.join(choices)}"
    if get_origin(bare) is tuple:
        return f"list: {_describe_type(arguments[0])}"
    if get_origin(bare) is dict:
        return "mapping"
    return _TYPE_NAMES[bare] + _format_bounds(hint)


def _format_bounds(hint: Any) -> str:  # noqa: ANN401  # a type hint
    bounds = [
        f"{sign} {bound:,}"
        for meta in _metadata(hint)
        for sign, bound in ((">", meta.gt), (">=", meta.ge), ("<=", meta.le))
        if bound is not None
    ]
    return ", " + ", ".join(bounds) if bounds else ""


def _format_default(value: object) -> str:
    match value:
        case tuple():
            return f"`{','.join(value)}`"
        case float() if value.is_integer():
            return f"`{int(value)}`"
        case int() | float():
            return f"`{value}`"
        case str() if value:
            return f"`{value}`"
        case _:
            return ""


def _description(hint: Any) -> str:  # noqa: ANN401  # a type hint
    return next(meta.description for meta in _metadata(hint) if meta.description)


def _metadata(hint: Any) -> list[Meta]:  # noqa: ANN401  # a type hint
    return [meta for meta in get_args(hint)[1:] if isinstance(meta, Meta)]
