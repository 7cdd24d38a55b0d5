"""Source of a topic as a part of a destination file."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

_AMBIGUOUS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
"""YAML 1.1 reads these words as booleans or as null."""


def source_block(name: str, options: Mapping[str, Any]) -> str:
    """Return the part of a destination file that reads the topic.

    Args:
        name: Name of the source.
        options: Options of the source.
    """
    lines = ["sources:", f"  {_scalar(name)}:"]
    lines += [f"    {key}: {_flow(v)}" for key, v in options.items()]
    return "\n".join(lines)


def source_name(topic: str) -> str:
    """Return a name for a source: the last part of the topic's name."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", topic.rpartition(".")[2]).strip("-") or "s"


def _flow(value: Any) -> str:  # noqa: ANN401 - any JSON
    return _scalar(value) if isinstance(value, str) else orjson.dumps(value).decode()


def _scalar(text: str) -> str:
    """Return text as YAML, with quotes unless the plain text reads as a string."""
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", text) is not None
    is_ambiguous = text.lower() in _AMBIGUOUS
    return text if is_plain and not is_ambiguous else orjson.dumps(text).decode()
