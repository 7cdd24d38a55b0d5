"""Names of all metrics, and names that mappings miss."""

import pytest
from aiohttp import web

from streams.errors import EngineError
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.fail_fast import ATTEMPTS_MAX, FailFastClient
from streams.klaviyo.lookups.metrics import fetch_metric_names, find_missing_metrics
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.klaviyo.accounts import sandbox_account
from tests.streams.klaviyo.fakes import FakeClock, serving_answers
from tests.streams.klaviyo.profile_builders import request_count

_KNOWN = ("Order Completed", "Ordered Product", "Viewed Product", "viewed product")


async def test_the_metrics_of_all_pages_are_listed(clock: FakeClock) -> None:
    """All 450 metrics come from pages of 200."""
    names = tuple(f"Metric {n}" for n in range(450))
    config = SandboxConfig(quota_scale=None, clock_s=clock.read, metrics=names)
    async with sandbox_account(config, clock) as (klaviyo, client):
        assert await fetch_metric_names(client) == set(names)
        assert request_count(klaviyo, "GET", "/api/metrics") == 3


async def test_a_new_account_has_no_metrics(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """An empty listing gives no names."""
    assert await fetch_metric_names(client) == frozenset()
    assert request_count(klaviyo) == 1


async def test_half_a_listing_is_none(clock: FakeClock) -> None:
    """A rejected page makes the whole listing an error."""
    refused = web.json_response({"errors": [{"code": "invalid"}]}, status=400)
    async with serving_answers(refused, clock=clock) as (client, _):
        with pytest.raises(EngineError, match="metrics cannot be listed"):
            await fetch_metric_names(client)


def _answers(*statuses: int) -> list[web.Response]:
    """Build a response for each status; 200 is a listing."""
    listing = {"data": [{"attributes": {"name": "Viewed"}}]}
    return [
        web.json_response(listing if status == 200 else {}, status=status)
        for status in statuses
    ]


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param((200,), id="at-once"),
        pytest.param((429,) * (ATTEMPTS_MAX + 1) + (200,), id="after-throttling"),
        pytest.param((500,) * (ATTEMPTS_MAX - 1) + (200,), id="after-failures"),
    ],
)
async def test_a_command_gets_the_metrics_after_short_failures(
    statuses: tuple[int, ...], clock: FakeClock
) -> None:
    """Throttling and short failures are waited out."""
    async with serving_answers(*_answers(*statuses), clock=clock) as (client, _):
        assert await fetch_metric_names(FailFastClient(client)) == {"Viewed"}


@pytest.mark.parametrize(
    ("status", "asked", "message"),
    [
        pytest.param(401, 1, "unauthorized; Klaviyo does not know", id="key"),
        pytest.param(410, 1, "revision-retired; Klaviyo has", id="revision"),
        pytest.param(405, 1, "method-refused$", id="of-no-known-mend"),
        pytest.param(403, 1, "blocked-by-challenge; Klaviyo blocks", id="blocked"),
        pytest.param(500, ATTEMPTS_MAX, "http-500$", id="outage"),
    ],
)
async def test_a_command_fails_with_a_remedy_where_waiting_is_useless(
    status: int, asked: int, message: str, clock: FakeClock
) -> None:
    """A command fails with a remedy where a worker would wait forever."""
    answers = _answers(*[status] * (ATTEMPTS_MAX + 1))
    async with serving_answers(*answers, clock=clock) as (client, server):
        with pytest.raises(EngineError, match=f"cannot be listed: {message}"):
            await fetch_metric_names(FailFastClient(client))

    assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        pytest.param(["Order Completed"], [], id="there"),
        pytest.param(
            ["order completed"],
            [("order completed", "Order Completed")],
            id="case-matters",
        ),
        pytest.param(
            ["OrderCompleted"], [("OrderCompleted", "Order Completed")], id="spaces"
        ),
        pytest.param(
            ["Viewed product"],
            [("Viewed product", "Viewed Product")],
            id="of-two-the-more-alike",
        ),
        pytest.param(
            ["Order Complete", "Order Complete"],
            [("Order Complete", "Order Completed")],
            id="each-once",
        ),
        pytest.param(["Zzz"], [("Zzz", None)], id="nothing-near"),
        pytest.param(["", "!"], [("", None), ("!", None)], id="no-letters"),
    ],
)
def test_missing_names_come_with_the_nearest_that_exists(
    names: list[str], missing: list[tuple[str, str | None]]
) -> None:
    """Names are compared exactly; the suggestion is the most similar name."""
    assert find_missing_metrics(names, _KNOWN) == missing


def test_nothing_is_near_where_there_is_nothing() -> None:
    """A new account has no metric to suggest."""
    assert find_missing_metrics(["A"], []) == [("A", None)]
