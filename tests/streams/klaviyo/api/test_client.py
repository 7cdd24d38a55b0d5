"""Client: final results, waits, and secrets."""

import asyncio

import pytest
from aiohttp import web

from streams.klaviyo.api import requests
from streams.klaviyo.api.client import EndpointCondition, EndpointStatus, KlaviyoClient
from streams.klaviyo.api.results import Accepted, OperatorFault, Temporary
from streams.klaviyo.lookups.lists import find_list
from streams.sandbox import Fault, FaultKind, Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock, serving_answers

_LIST = requests.find_lists("VIP")


def throttled_response(**headers: str) -> web.Response:
    """Return a response with status 429."""
    return web.json_response({"errors": []}, status=429, headers=headers)


@pytest.mark.parametrize(
    ("retry_after", "least_s"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param("0", 0.0, id="zero"),
        pytest.param("59", 59.0, id="a-steady-window"),
    ],
)
async def test_a_throttled_request_waits_no_less_than_retry_after(
    clock: FakeClock, retry_after: str, least_s: float
) -> None:
    """The client sends the request again after the wait."""
    refused = throttled_response(**{"Retry-After": retry_after})

    async with serving_answers(refused, clock=clock) as (client, server):
        answer = await client.call(_LIST)

    assert isinstance(answer, Accepted)
    assert answer.attempts == len(server.requests) == 2
    assert clock.elapsed_s >= least_s


async def test_no_request_of_the_endpoint_leaves_during_a_retry_after(
    clock: FakeClock,
) -> None:
    """Ten concurrent callers wait after the first is throttled."""
    async with serving_answers(
        throttled_response(**{"Retry-After": "9"}), clock=clock
    ) as (client, _):
        await client.attempt(_LIST)
        began_s = clock.elapsed_s
        await asyncio.gather(*(client.call(_LIST) for _ in range(10)))

    assert began_s == 0
    assert sum(clock.slept_s[:2]) >= 9


def expected_status(condition: EndpointCondition, reason: str = "") -> EndpointStatus:
    """Return a status of the endpoint in these tests."""
    return EndpointStatus(endpoint="get_lists", condition=condition, reason=reason)


@pytest.mark.parametrize(
    ("kind", "blocked"),
    [
        pytest.param(
            FaultKind.UNAUTHORIZED,
            expected_status(EndpointCondition.FAULT, "unauthorized"),
            id="401-bad-key",
        ),
        pytest.param(
            FaultKind.FORBIDDEN,
            expected_status(EndpointCondition.FAULT, "permission-denied"),
            id="403-scope",
        ),
        pytest.param(
            FaultKind.CHALLENGE,
            expected_status(EndpointCondition.OUTAGE, "blocked-by-challenge"),
            id="403-html-blocked-address",
        ),
        pytest.param(
            FaultKind.SERVER_ERROR,
            expected_status(EndpointCondition.OUTAGE, "http-503"),
            id="503-outage",
        ),
    ],
)
async def test_a_fault_holds_the_lane_until_it_is_mended(
    client: KlaviyoClient,
    klaviyo: Sandbox,
    observed_statuses: list[EndpointStatus],
    kind: FaultKind,
    blocked: EndpointStatus,
) -> None:
    """The client keeps the request, and reports the fault and the repair once."""
    klaviyo.add_fault(Fault(kind=kind, count=7))

    assert await find_list(client, "VIP") is None

    assert observed_statuses == [blocked, expected_status(EndpointCondition.OPEN)]


async def test_probes_of_a_long_fault_are_at_most_a_minute_apart(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock
) -> None:
    """A repaired key is noticed within a minute, with few requests before."""
    klaviyo.add_fault(Fault(kind=FaultKind.UNAUTHORIZED, count=40))

    await find_list(client, "VIP")

    assert max(clock.slept_s) <= 60
    assert clock.elapsed_s > 15 * 60


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.CUT_BEFORE])
async def test_a_cut_connection_is_sent_again(
    client: KlaviyoClient, klaviyo: Sandbox, kind: FaultKind
) -> None:
    """The result reports that an earlier attempt may have been executed."""
    klaviyo.add_fault(Fault(kind=kind, count=1, method="POST"))

    answer = await client.call(
        requests.upsert_profile(b'{"type":"profile","attributes":{"email":"a@b.io"}}')
    )

    assert isinstance(answer, Accepted)
    assert (answer.attempts, answer.is_uncertain) == (2, True)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(
            web.Response(status=502, text="<html>Bad Gateway</html>"),
            Temporary,
            id="502-page",
        ),
        pytest.param(web.Response(status=200, text="<html>"), Temporary, id="200-page"),
        pytest.param(web.Response(status=404, text="gone?"), Temporary, id="404-page"),
        pytest.param(None, Temporary, id="cut"),
        pytest.param(
            web.Response(status=302, headers={"Location": "http://localhost:1/"}),
            OperatorFault,
            id="redirect-is-not-followed",
        ),
    ],
)
async def test_what_is_not_klaviyos_answer_settles_nothing(
    clock: FakeClock,
    answer: web.Response | None,
    kind: type[Temporary | OperatorFault],
) -> None:
    """Calls continue until Klaviyo responds; attempts return the failure."""
    resource = requests.profile_resource({"external_id": "u1"})
    probe = requests.upsert_profile(resource)  # aiohttp repeats a GET that was cut

    async with serving_answers(answer, clock=clock) as (client, _):
        first = await client.attempt(probe)
        settled = await client.call(probe)

    assert isinstance(first, kind)
    assert isinstance(settled, Accepted)


async def test_no_connection_is_an_answer_too(clock: FakeClock) -> None:
    """A closed port is temporary."""
    async with KlaviyoClient(
        api_key=KEY, clock=clock.as_clock(), base_url="http://127.0.0.1:1"
    ) as client:
        answer = await client.attempt(_LIST)

    assert answer == Temporary(reason="cannot-connect")


async def test_the_published_quotas_are_kept_without_a_429(clock: FakeClock) -> None:
    """Four hundred imports against the sandbox's real windows cause no 429."""
    config = SandboxConfig(quota_scale=1.0, clock_s=clock.read)
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url
        ) as client,
    ):
        body = b'{"type":"profile","attributes":{"email":"a@b.io"}}'
        for _ in range(400):
            answer = await client.call(requests.import_profiles([body]))
            assert isinstance(answer, Accepted)
        counts = klaviyo.account.request_log.request_counts

    assert sum(n for (_, _, status), n in counts.items() if status == 429) == 0
    assert clock.elapsed_s < 3 * 60
