"""Several things awaited at once."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


async def gather_all(
    coroutines: Iterable[Coroutine[Any, Any, ResultT]],
) -> list[ResultT]:
    """Await all of them; one alone is awaited in place, without a task."""
    pending = list(coroutines)
    if len(pending) == 1:
        return [await pending[0]]
    return list(await asyncio.gather(*pending))
