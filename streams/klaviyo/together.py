"""Several things awaited at once."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(waits: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all of them; one alone is awaited in place, without a task."""
    some = list(waits)
    if len(some) == 1:
        return [await some[0]]
    return list(await asyncio.gather(*some))
