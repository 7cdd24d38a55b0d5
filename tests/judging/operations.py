"""The operations Klaviyo's SDK knows, each with the model of its body."""

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, get_type_hints

from pydantic import BaseModel

ROOMS = (
    "accounts",
    "data_privacy",
    "events",
    "flows",
    "lists",
    "metrics",
    "profiles",
)
"""The SDK's modules that are read: 2 s for these, 7 s for all 27 of them. A request to
another room is wrong until the room is named here.
"""

_PATHS_MAX = 1_000
"""Most requests go to the same few paths."""

_PRIVATE, _WRITER = "_", "_serialize"
"""The SDK's `x` calls `_x_serialize`, which knows method and path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method and path.

    Attributes:
        name: Klaviyo's operation id.
        method: HTTP method.
        path: Matches its paths.
        model: Reads its body; None where it takes none.
    """

    name: str
    method: str
    path: re.Pattern[str]
    model: type[BaseModel] | None


class _Teller:
    """Stands where the SDK has its HTTP client, and gives back what would be called."""

    default = None

    def param_serialize(
        self, *, method: str, resource_path: str, **_: object
    ) -> tuple[str, str]:
        return method, resource_path

    def select_header_accept(self, kinds: list[str]) -> str:
        return kinds[0]

    def select_header_content_type(self, kinds: list[str]) -> str:
        return kinds[0]


@lru_cache(maxsize=_PATHS_MAX)
def operation_of(method: str, path: str) -> Operation | None:
    """Find what a request asks for; None is nothing the SDK knows."""
    return next(
        (
            one
            for one in operations()
            if one.method == method and one.path.fullmatch(path)
        ),
        None,
    )


@cache
def operations() -> tuple[Operation, ...]:
    """Ask the SDK for its operations."""
    return tuple(one for room in ROOMS for one in _of_room(room))


def _of_room(room: str) -> Iterator[Operation]:
    module = importlib.import_module(f"openapi_client.api.{room}_api")
    kind = getattr(module, f"{room.title().replace('_', '')}Api")
    for name, writer in inspect.getmembers(kind(_Teller()), inspect.ismethod):
        if name == writer.__name__ and name.endswith(_WRITER):
            call = getattr(kind, name.removeprefix(_PRIVATE).removesuffix(_WRITER))
            yield _operation(call, writer)


def _operation(call: Any, writer: Any) -> Operation:  # noqa: ANN401  # the SDK's own
    nothing = dict.fromkeys(inspect.signature(writer).parameters)
    method, path = writer(**nothing)
    parts = (re.escape(part) for part in re.split(r"\{\w+\}", path))
    return Operation(
        name=call.__name__,
        method=method,
        path=re.compile("[^/]+".join(parts)),
        model=_model(call),
    )


def _model(call: Any) -> type[BaseModel] | None:  # noqa: ANN401  # the SDK's own
    hints = get_type_hints(inspect.unwrap(call))
    hints.pop("return")
    found = (
        hint
        for hint in hints.values()
        if isinstance(hint, type) and issubclass(hint, BaseModel)
    )
    return next(found, None)
