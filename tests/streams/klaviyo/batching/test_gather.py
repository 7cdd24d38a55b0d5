"""Concurrent awaiting of several coroutines, and of a single coroutine."""

import asyncio

import pytest

from streams.klaviyo.batching.items import gather_all


async def _task() -> asyncio.Task[object] | None:
    return asyncio.current_task()


async def test_one_alone_takes_no_task() -> None:
    """A single coroutine runs in the caller's task."""
    assert await gather_all([_task()]) == [asyncio.current_task()]


async def test_several_wait_at_once_and_keep_their_order() -> None:
    """Each waits for the other to have begun."""
    barrier = asyncio.Barrier(3)

    async def echo(name: str) -> str:
        await barrier.wait()
        return name

    assert await gather_all(echo(name) for name in "abc") == ["a", "b", "c"]


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "beside-others"])
async def test_a_failure_is_the_callers(others: int) -> None:
    """However many there are."""

    async def fails() -> None:
        raise LookupError

    async def passes() -> None:
        pass

    with pytest.raises(LookupError):
        await gather_all([fails(), *(passes() for _ in range(others))])


async def test_nothing_is_waited_for() -> None:
    """Without things there are no results."""
    assert await gather_all([]) == []
