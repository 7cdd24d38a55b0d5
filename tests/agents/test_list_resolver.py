"""Tests that an audience's list is requested often, but found or created once."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.engine.partition import Partition
from agents.list_resolver import ListResolver
from streams.audiences.list_mapping import (
    ListMapping,
    ListRequest,
    encode_json,
    list_mapping_of,
)
from streams.klaviyo.api.results import AttemptResult, Rejected, Throttled
from tests.support.worker_fakes import (
    FakeProducer,
    ScriptedKlaviyo,
    context,
    partition,
    record,
    run,
    track_records,
)

DAY_S = 86_400.0
LEAVES_WITHIN_S = 36.0
"""60 % of the default rebalance timeout: the reader ends the process after that."""

USED_UP = Throttled(status=429, retry_after_s=DAY_S)


class ResolverHarness:
    """List resolver with a partition; several harnesses share Kafka and Klaviyo."""

    def __init__(self, other: "ResolverHarness | None" = None) -> None:
        self.klaviyo: ScriptedKlaviyo = other.klaviyo if other else ScriptedKlaviyo()
        self.producer: FakeProducer = other.producer if other else FakeProducer()
        self.context = context(self.producer, klaviyo=self.klaviyo)
        self.resolver = ListResolver(self.context)
        self.part = partition("t.list-requests")

    def request(self, *requests: ListRequest, part: Partition | None = None) -> None:
        """Pass requests to the resolver."""
        part = part or self.part
        records = [
            record(encode_json(request), offset=at)
            for at, request in enumerate(requests)
        ]
        for delivered_record in track_records(part, *records):
            self.resolver.start(part, delivered_record)

    def send_raw(self, value: bytes, *, at: int) -> None:
        """Pass a record with any value to the resolver."""
        for delivered_record in track_records(self.part, record(value, offset=at)):
            self.resolver.start(self.part, delivered_record)

    async def wait_until_done(self, count: int = 1) -> None:
        """Wait two days of virtual time, and check the number of requests done."""
        await asyncio.sleep(2 * DAY_S)
        assert self.part.commit_offset == count

    def written_mappings(self) -> list[ListMapping]:
        """Return the list mappings on the audience-lists topic."""
        rows = [
            {m.key or b"": m.value or b""} for m in self.producer.to("t.audience-lists")
        ]
        return [list_mapping_of(row, key.decode()) for row in rows for key in row]

    async def lose_partition(self) -> None:
        """Revoke the partition in the same way as the reader."""
        self.part.revoking = True
        self.resolver.on_partitions_revoked([self.part])
        async with asyncio.timeout(LEAVES_WITHIN_S):
            await self.part.wait_idle()
        self.part.revoked = True


VIP = ListRequest(audience="vip")


def test_a_hundred_requests_make_one_list() -> None:
    """All requests are done, and the list mapping is written once."""

    async def scenario() -> ResolverHarness:
        harness = ResolverHarness()
        harness.request(*[VIP] * 100)
        await harness.wait_until_done(100)
        return harness

    harness = run(scenario())

    assert harness.klaviyo.created_lists == ["vip"]
    assert harness.written_mappings() == [ListMapping(list_id="L0", created=True)]


def test_a_list_that_exists_is_taken() -> None:
    """An existing list may be the creation of a killed worker."""

    async def scenario() -> ResolverHarness:
        harness = ResolverHarness()
        harness.klaviyo.created_lists = ["other", "vip"]
        harness.request(VIP)
        await harness.wait_until_done()
        return harness

    harness = run(scenario())

    assert harness.klaviyo.created_lists == ["other", "vip"]
    assert harness.written_mappings() == [ListMapping(list_id="L1")]


@pytest.mark.parametrize(
    ("gone", "made"),
    [
        pytest.param("L0", ["vip", "vip"], id="the-known-one-is-gone"),
        pytest.param("L9", ["vip"], id="another-was-gone-it-is-mended-already"),
    ],
)
def test_a_gone_list_is_replaced_once(gone: str, made: Sequence[str]) -> None:
    """A late request for the missing list gets the new list."""

    async def scenario() -> ResolverHarness:
        harness = ResolverHarness()
        harness.request(VIP, ListRequest(audience="vip", missing_list_id=gone))
        await harness.wait_until_done(2)
        return harness

    assert run(scenario()).klaviyo.created_lists == made


@pytest.mark.parametrize(
    "refusal",
    [pytest.param(Rejected(status=400, reason="invalid: no such name"), id="400")],
)
def test_a_name_klaviyo_refuses_is_written_down(refusal: AttemptResult) -> None:
    """The lane can then state the reason for having no list."""

    async def scenario() -> ResolverHarness:
        harness = ResolverHarness()
        harness.klaviyo.answers = [refusal]
        harness.request(VIP)
        await harness.wait_until_done()
        return harness

    assert run(scenario()).written_mappings() == [
        ListMapping(list_id="", refusal_reason="invalid: no such name")
    ]


def test_the_daily_quota_is_waited_out_and_others_are_served() -> None:
    """Requests for other audiences do not wait for the daily quota."""

    async def scenario() -> list[list[str]]:
        harness = ResolverHarness()
        harness.klaviyo.answers = [USED_UP]
        harness.request(VIP, ListRequest(audience="other"))
        made = []
        for wait_s in (60, DAY_S - 120, 120):
            await asyncio.sleep(wait_s)
            made.append(list(harness.klaviyo.created_lists))
        return made

    assert run(scenario()) == [["other"], ["other"], ["other", "vip"]]


def test_who_loses_the_partition_while_waiting_makes_no_second_list() -> None:
    """Two workers in turn wait for the same quota, and a single list is created."""

    async def scenario() -> ResolverHarness:
        first = ResolverHarness()
        first.klaviyo.answers = [USED_UP, USED_UP]
        first.request(VIP)
        await asyncio.sleep(60)
        await first.lose_partition()
        second = ResolverHarness(first)
        second.request(VIP)
        await second.wait_until_done()
        await asyncio.sleep(2 * DAY_S)
        return second

    assert run(scenario()).klaviyo.created_lists == ["vip"]


def test_a_list_made_by_hand_during_the_wait_is_taken() -> None:
    """The resolver looks for the list again before creating a list."""

    async def scenario() -> ResolverHarness:
        harness = ResolverHarness()
        harness.klaviyo.answers = [USED_UP]
        harness.request(VIP)
        await asyncio.sleep(60)
        harness.klaviyo.created_lists.append("vip")
        await harness.wait_until_done()
        return harness

    assert run(scenario()).klaviyo.created_lists == ["vip"]


def test_a_partition_waits_for_a_creation_under_way() -> None:
    """Otherwise the next owner would not find the list, and create another."""

    async def scenario() -> ResolverHarness:
        first = ResolverHarness()
        first.klaviyo.before_answer = lambda: asyncio.sleep(2)
        first.request(VIP)
        await asyncio.sleep(1)
        await first.lose_partition()
        second = ResolverHarness(first)
        second.request(VIP)
        await second.wait_until_done()
        return second

    assert run(scenario()).klaviyo.created_lists == ["vip"]


def test_a_partition_does_not_wait_for_a_klaviyo_that_is_down() -> None:
    """The next owner gets the request, which is neither done nor acknowledged."""

    async def scenario() -> ResolverHarness:
        harness = ResolverHarness()
        harness.klaviyo.before_answer = lambda: asyncio.sleep(DAY_S)
        harness.request(VIP)
        await asyncio.sleep(1)
        await harness.lose_partition()
        return harness

    harness = run(scenario())

    assert harness.part.commit_offset == 0
    assert harness.written_mappings() == []


def test_an_unreadable_request_is_passed_over() -> None:
    """An error would end every worker in turn that reads the record."""

    async def scenario() -> ResolverHarness:
        harness = ResolverHarness()
        harness.request(VIP)
        harness.send_raw(b"no request", at=1)
        await harness.wait_until_done(2)
        return harness

    harness = run(scenario())

    assert harness.written_mappings() == [ListMapping(list_id="L0", created=True)]
