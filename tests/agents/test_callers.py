"""A batch is cut when the gate is free, not before."""

import asyncio

import pytest

from agents.lanes.callers import ASKED, LEAD_S, Callers
from streams.delivery.queue import Group
from streams.klaviyo import requests
from streams.klaviyo.carriers import CARRIERS
from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.quotas import UPSERT_PROFILE
from streams.klaviyo.requests import Request
from streams.pacing.gate import Timing
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock

RECORDS = Group("record", "", "trackEvent")
PAST = RECORDS._replace(past=True)
WITHIN_S = 30.0
PATCHES = Group("patch", "", "upsertProfile")
UPSERTS = Group("upsert", "", "upsertProfile")


def _upsert(name: str) -> Request:
    resource = requests.profile_resource({"external_id": name})
    return requests.upsert_profile(resource)


async def test_what_stands_at_the_gate_holds_up_its_own_kind_only() -> None:
    """And the past goes behind the present, though it came first."""
    asleep, awake = asyncio.Event(), asyncio.Event()

    async def sleep(_: float) -> None:
        asleep.set()
        await awake.wait()
        await asyncio.sleep(0.001)

    loop = asyncio.get_running_loop()
    timing = Timing(clock=loop.time, sleep=sleep, rng=lambda: 0.5)
    left: list[str] = []

    async def send(group: Group, name: str) -> None:
        await callers.of(group).call(_upsert(name))
        left.append(name)

    async with (
        Sandbox(SandboxConfig(quota_scale=None)) as klaviyo,
        KlaviyoClient(api_key=KEY, timing=timing, base_url=klaviyo.url) as client,
    ):
        callers = Callers(client, rank=0)
        sending = [asyncio.create_task(send(PAST, f"past {n}")) for n in range(9)]
        await asyncio.wait_for(asleep.wait(), WITHIN_S)
        sending.append(asyncio.create_task(send(RECORDS, "present")))
        await asyncio.sleep(0)
        free = [callers.is_free(one) for one in (PAST, RECORDS, UPSERTS)]
        awake.set()
        await asyncio.gather(*sending)

        assert free == [False, False, True]
        assert all(map(callers.is_free, (PAST, RECORDS, UPSERTS)))
    assert left.index("present") < left.index("past 8")


async def test_a_batch_is_due_when_its_request_could_leave() -> None:
    """By what it asks of Klaviyo: nothing has gone to the import of profiles yet."""
    clock = FakeClock()
    async with (
        Sandbox(SandboxConfig(quota_scale=0.1, clock_s=clock.read)) as klaviyo,
        KlaviyoClient(
            api_key=KEY,
            timing=clock.timing(),
            base_url=klaviyo.url,
            quota_scale=0.1,
        ) as client,
    ):
        callers = Callers(client, rank=0)
        before = callers.is_due(PATCHES)
        await callers.of(PATCHES).call(_upsert("a"))
        due = [callers.is_due(one) for one in (PATCHES, UPSERTS)]
        clock.now_s += client.wait_s(UPSERT_PROFILE) - LEAD_S
        soon = callers.is_due(PATCHES)

    assert before
    assert due == [False, True]
    assert soon


@pytest.mark.parametrize("kind", CARRIERS)
def test_of_every_kind_it_is_known_where_it_would_wait(kind: str) -> None:
    """A new one may not be forgotten."""
    assert ASKED[kind]
