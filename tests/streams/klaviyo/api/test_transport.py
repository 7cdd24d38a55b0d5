"""The wire: headers, secrets, timeouts, cancelled callers."""

import asyncio
import logging
from collections.abc import Callable

import aiohttp
import pytest
import structlog
from aiohttp import web

from streams.errors import ConfigError
from streams.klaviyo.api import requests
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.results import Accepted, Temporary
from tests.streams.klaviyo.fakes import KEY, FakeClock, FakeServer, serving_answers

_LIST = requests.find_lists("VIP")


async def test_every_request_carries_klaviyos_headers(clock: FakeClock) -> None:
    """Key, revision, JSON:API, and the path exactly as built."""
    async with serving_answers(clock=clock) as (client, server):
        await client.call(requests.find_profiles("email", ["a+b@c.io"]))

    (request,) = server.requests
    assert request.headers["Authorization"] == f"Klaviyo-API-Key {KEY}"
    assert request.headers["revision"] == "2026-07-15"
    assert request.headers["Accept"] == "application/vnd.api+json"
    assert request.query["filter"] == 'any(email,["a+b@c.io"])'
    assert "%2B" in request.raw_path


async def test_the_key_is_in_no_repr_log_or_answer(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Through faults of every kind, with the default observer."""
    caplog.set_level(logging.DEBUG)
    unauthorized = web.json_response({"errors": [{"code": KEY}]}, status=401)
    pages = [web.Response(status=500, text=KEY) for _ in range(3)]

    with structlog.testing.capture_logs() as lines:
        async with serving_answers(unauthorized, *pages, None, clock=clock) as (
            client,
            _,
        ):
            answers = [await client.attempt(_LIST) for _ in range(6)]

    assert lines
    for text in (repr(client), repr(answers), repr(lines), caplog.text):
        assert KEY not in text


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda t: KlaviyoClient(api_key="5ecret", clock=t, base_url="http://[k"),
            id="half-an-address",
        ),
        pytest.param(
            lambda t: KlaviyoClient(
                api_key="5ecret", clock=t, base_url="http://k:99999"
            ),
            id="no-port",
        ),
        pytest.param(lambda t: KlaviyoClient(api_key="", clock=t), id="no-key"),
        pytest.param(
            lambda t: KlaviyoClient(api_key="5ecret\r\nX: y", clock=t), id="line-break"
        ),
        pytest.param(
            lambda t: KlaviyoClient(api_key="5ecret", clock=t, base_url="ftp://k"),
            id="no-http",
        ),
        pytest.param(
            lambda t: KlaviyoClient(api_key="5ecret", clock=t, base_url=""),
            id="no-url",
        ),
    ],
)
def test_a_key_or_url_that_cannot_be_one_is_a_mistake_of_the_settings(
    clock: FakeClock, make: Callable[[object], KlaviyoClient]
) -> None:
    """The problem is reported before the first request, without the key."""
    with pytest.raises(ConfigError) as caught:
        make(clock.as_clock())

    assert "5ecret" not in str(caught.value)


async def test_a_client_outside_its_context_is_a_programmers_fault(
    clock: FakeClock,
) -> None:
    """The client raises an error instead of waiting for ever."""
    client = KlaviyoClient(api_key=KEY, clock=clock.as_clock())

    with pytest.raises(RuntimeError, match="async with"):
        await client.call(_LIST)


async def test_a_cancelled_call_frees_the_endpoint(clock: FakeClock) -> None:
    """No request stays in flight, and the next caller can send."""
    arrived = asyncio.Event()

    async def handler(_: web.Request) -> web.StreamResponse:
        if not arrived.is_set():
            arrived.set()
            await asyncio.Event().wait()
        return web.json_response({"data": []})

    async with (
        FakeServer(handler) as server,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=server.url
        ) as client,
    ):
        task = asyncio.create_task(client.call(_LIST))
        await arrived.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        answer = await client.call(_LIST)

    assert task.cancelled()
    assert isinstance(answer, Accepted)


async def test_a_request_without_an_answer_times_out(clock: FakeClock) -> None:
    """And is sent again."""
    silent = asyncio.Event()

    async def handler(_: web.Request) -> web.StreamResponse:
        if not silent.is_set():
            silent.set()
            await asyncio.Event().wait()
        return web.json_response({"data": []})

    async with (
        FakeServer(handler) as server,
        KlaviyoClient(
            api_key=KEY,
            clock=clock.as_clock(),
            base_url=server.url,
            request_timeout_s=0.05,
        ) as client,
    ):
        first = await client.attempt(_LIST)
        settled = await client.call(_LIST)

    assert first == Temporary(reason="timeout")
    assert isinstance(settled, Accepted)


def test_aiohttp_errors_are_all_caught_by_two_branches() -> None:
    """The handled exceptions cover aiohttp's tree and timeouts."""
    for error in (
        aiohttp.ServerTimeoutError,
        aiohttp.ClientPayloadError,
        aiohttp.InvalidURL,
        aiohttp.ServerDisconnectedError,
        TimeoutError,
        ConnectionResetError,
    ):
        assert issubclass(error, aiohttp.ClientError | OSError)
