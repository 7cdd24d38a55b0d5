"""Reading of YAML files, without the surprises of YAML 1.1."""

import re
from collections.abc import Hashable
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from streams.errors import ConfigError

_SURPRISES: Final = (
    (
        re.compile(r"yes|no|on|off", re.IGNORECASE),
        "an unquoted yes, no, on or off is a boolean to some programs; quote it",
    ),
    (
        re.compile(r"[-+]?[0-9]+(_[0-9]+)+"),
        "an unquoted number with underscores loses them; quote it, or leave them out",
    ),
    (
        re.compile(r"[-+]?0[0-9]+"),
        "an unquoted number that begins with 0 is octal to some programs; quote it",
    ),
    (
        re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"),
        "an unquoted number with colons counts in sixties to some programs; quote it",
    ),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"),
        "an unquoted date is not text to some programs; quote it",
    ),
)
"""Plain scalars that YAML 1.1 reads otherwise than they look, and YAML 1.2 does not."""


class _StrictLoader(yaml.SafeLoader):
    """Safe loader that refuses a key written twice, and ambiguous plain scalars."""

    def construct_mapping(
        self,
        node: MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's
    ) -> dict[Hashable, Any]:
        _read_on_as_text([key_node for key_node, _ in node.value])
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise _Refused(key_node, f"the key {key} is written twice; remove one")
            seen.add(key if isinstance(key, Hashable) else id(key_node))
        return super().construct_mapping(node, deep=deep)

    def construct_object(
        self,
        node: Node,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's
    ) -> Any:  # noqa: ANN401 - any YAML
        if isinstance(node, ScalarNode) and node.style is None:
            for pattern, problem in _SURPRISES:
                if pattern.fullmatch(node.value):
                    raise _Refused(node, problem)
        return super().construct_object(node, deep=deep)


def _read_on_as_text(key_nodes: list[Node]) -> None:
    """Read the key `on` beside the key `action` like a quoted key.

    That is the changes of rows in a mapping of the destination file, and nothing else.
    """
    keys = {node.value: node for node in key_nodes if isinstance(node, ScalarNode)}
    if "on" in keys and "action" in keys:
        keys["on"].tag, keys["on"].style = "tag:yaml.org,2002:str", '"'


class _Refused(Exception):
    def __init__(self, node: Node, problem: str) -> None:
        mark = node.start_mark
        super().__init__(f"line {mark.line + 1}, column {mark.column + 1}: {problem}")


def read_yaml(text: str | bytes) -> Any:  # noqa: ANN401 - any YAML
    """Decode YAML or JSON.

    Raises:
        ConfigError: The text is not valid YAML, has a key twice, or has a value that
            YAML 1.1 and 1.2 read differently; with line and column, without the value.
    """
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506 - it is a safe loader
    except _Refused as refused:
        raise ConfigError([str(refused)]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        mark = getattr(err, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        raise ConfigError([f"{where}: is not valid YAML"]) from None
