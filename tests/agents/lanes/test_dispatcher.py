"""A batch is cut when the rate limiter is free, not before."""

import asyncio

import pytest

from agents.lanes.lane import LaneOptions
from agents.lanes.pending import PendingQueue
from agents.lanes.service import CUT_AHEAD_S, Dispatcher
from agents.lanes.settler import Settler
from agents.lanes.simple import SimpleLane
from streams.delivery.coalescer import BatchKey, ReadyBatch
from streams.delivery.duplicates import DuplicateFilter
from streams.delivery.merge_policies import never_merge
from streams.delivery.outcome import Stage
from streams.klaviyo.api import requests
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.endpoints import UPSERT_PROFILE
from streams.klaviyo.api.requests import Request
from streams.klaviyo.execute import ENDPOINTS_BY_KIND, OPERATIONS
from streams.rate_limiting.limiter import Clock
from streams.sandbox import Sandbox, SandboxConfig
from streams.settings.model import LaneId
from tests.streams.klaviyo.fakes import KEY, FakeClock
from tests.support.worker_fakes import FakeProducer, context

RECORDS = BatchKey("record", None, "trackEvent")
BACKFILL = RECORDS._replace(low_priority=True)
WITHIN_S = 240.0
PATCHES = ReadyBatch(BatchKey("patch", None, "upsertProfile"), 10)
UPSERTS = ReadyBatch(BatchKey("upsert", None, "upsertProfile"), 10)
FULL_BATCHES = [
    ReadyBatch(key, 10, is_full=True) for key in (BACKFILL, RECORDS, UPSERTS.key)
]


def _dispatcher(client: KlaviyoClient) -> Dispatcher:
    options = LaneOptions(
        lane=LaneId.EVENTS,
        batch_max_items=10,
        batch_max_age_s=0.1,
        max_pending_items=10,
    )
    services = context(FakeProducer(), klaviyo=client)
    lane = SimpleLane(services, options, merge=never_merge)
    queue = PendingQueue(
        merge=lane.merge,
        reservations=lane.reservations,
        max_items=10,
        max_bytes=1_000_000,
        expire_after_s=60.0,
    )
    settler = Settler(
        services,
        Stage.deliver(LaneId.EVENTS),
        queue=queue,
        duplicates=DuplicateFilter(),
    )
    return Dispatcher(lane, context=services, queue=queue, settler=settler)


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
    timing = Clock(monotonic_s=loop.time, sleep=sleep, rng=lambda: 0.5)
    left: list[str] = []

    async def send(group: BatchKey, name: str) -> None:
        await dispatcher.clients[group.kind, group.low_priority].call(_upsert(name))
        left.append(name)

    async with (
        Sandbox(SandboxConfig(quota_scale=None)) as klaviyo,
        KlaviyoClient(api_key=KEY, clock=timing, base_url=klaviyo.url) as client,
    ):
        dispatcher = _dispatcher(client)
        sending = [
            asyncio.create_task(send(BACKFILL, f"backfill {n}")) for n in range(9)
        ]
        await asyncio.wait_for(asleep.wait(), WITHIN_S)
        sending.append(asyncio.create_task(send(RECORDS, "present")))
        await asyncio.sleep(0)
        free = list(map(dispatcher.may_start, FULL_BATCHES))
        awake.set()
        await asyncio.gather(*sending)

        assert free == [False, False, True]
        assert all(map(dispatcher.may_start, FULL_BATCHES))
    assert left.index("present") < left.index("backfill 8")


async def test_a_batch_is_due_when_its_request_could_leave() -> None:
    """By what it asks of Klaviyo: nothing has gone to the import of profiles yet."""
    clock = FakeClock()
    async with (
        Sandbox(SandboxConfig(quota_scale=0.1, clock_s=clock.read)) as klaviyo,
        KlaviyoClient(
            api_key=KEY,
            clock=clock.as_clock(),
            base_url=klaviyo.url,
            quota_scale=0.1,
        ) as client,
    ):
        dispatcher = _dispatcher(client)
        before = dispatcher.may_start(PATCHES)
        await client.call(_upsert("a"))
        due = [dispatcher.may_start(one) for one in (PATCHES, UPSERTS)]
        clock.now_s += client.limiter.send_delay_s(UPSERT_PROFILE.name) - CUT_AHEAD_S
        soon = dispatcher.may_start(PATCHES)

    assert before
    assert due == [False, True]
    assert soon


@pytest.mark.parametrize("kind", OPERATIONS)
def test_of_every_kind_it_is_known_where_it_would_wait(kind: str) -> None:
    """A new one may not be forgotten."""
    assert ENDPOINTS_BY_KIND[kind]
