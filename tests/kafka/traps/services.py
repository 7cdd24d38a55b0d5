"""Service of the engine, started for the time of a block."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from mode import Service

S = TypeVar("S", bound=Service)


@asynccontextmanager
async def running(service: S) -> AsyncIterator[S]:
    """Yield the started service by its own type, which mode's own protocol loses."""
    async with service:
        yield service
