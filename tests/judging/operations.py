"""Operations of Klaviyo's SDK, each with the model of the body."""

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, get_type_hints

from pydantic import BaseModel

SDK_MODULES = (
    "accounts",
    "data_privacy",
    "events",
    "flows",
    "lists",
    "metrics",
    "profiles",
)
"""Modules of the SDK to import: 2 s for these, 7 s for all 27. A request to another
module's endpoints is invalid until the module is added here. """

_PATHS_MAX = 1_000
"""Most requests go to the same few paths."""

_PRIVATE, _SERIALIZE = "_", "_serialize"
"""The SDK's `x` calls `_x_serialize`, which knows method and path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkOperation:
    """Method and path of an SDK operation.

    Attributes:
        name: Klaviyo's operation id.
        method: HTTP method.
        path: Pattern of the path.
        model: Model of the body; None without a body.
    """

    name: str
    method: str
    path: re.Pattern[str]
    model: type[BaseModel] | None


class _SerializerStub:
    """Stub for the SDK's HTTP client that returns the arguments of a call."""

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
def find_operation(method: str, path: str) -> SdkOperation | None:
    """Return the SDK operation of a request, or None."""
    return next(
        (
            operation
            for operation in operations()
            if operation.method == method and operation.path.fullmatch(path)
        ),
        None,
    )


@cache
def operations() -> tuple[SdkOperation, ...]:
    """Return all operations of the SDK."""
    return tuple(
        operation
        for module_name in SDK_MODULES
        for operation in _module_operations(module_name)
    )


def _module_operations(module_name: str) -> Iterator[SdkOperation]:
    module = importlib.import_module(f"openapi_client.api.{module_name}_api")
    api_class = getattr(module, f"{module_name.title().replace('_', '')}Api")
    for name, serializer in inspect.getmembers(
        api_class(_SerializerStub()), inspect.ismethod
    ):
        if name == serializer.__name__ and name.endswith(_SERIALIZE):
            call = getattr(
                api_class, name.removeprefix(_PRIVATE).removesuffix(_SERIALIZE)
            )
            yield _operation(call, serializer)


def _operation(call: Any, serializer: Any) -> SdkOperation:  # noqa: ANN401  # the SDK's own
    no_arguments = dict.fromkeys(inspect.signature(serializer).parameters)
    method, path = serializer(**no_arguments)
    literals = (re.escape(literal) for literal in re.split(r"\{\w+\}", path))
    return SdkOperation(
        name=call.__name__,
        method=method,
        path=re.compile("[^/]+".join(literals)),
        model=_model(call),
    )


def _model(call: Any) -> type[BaseModel] | None:  # noqa: ANN401  # the SDK's own
    hints = get_type_hints(inspect.unwrap(call))
    hints.pop("return")
    models = (
        hint
        for hint in hints.values()
        if isinstance(hint, type) and issubclass(hint, BaseModel)
    )
    return next(models, None)
