"""An audience's list: asked for often, found or made once."""

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
    """A pairer and what is around it; several share Kafka and Klaviyo."""

    def __init__(self, other: "ResolverHarness | None" = None) -> None:
        self.klaviyo: ScriptedKlaviyo = other.klaviyo if other else ScriptedKlaviyo()
        self.producer: FakeProducer = other.producer if other else FakeProducer()
        self.context = context(self.producer, klaviyo=self.klaviyo)
        self.resolver = ListResolver(self.context)
        self.part = partition("t.list-requests")

    def request(self, *requests: ListRequest, part: Partition | None = None) -> None:
        """Hand it requests."""
        part = part or self.part
        records = [
            record(encode_json(request), offset=at)
            for at, request in enumerate(requests)
        ]
        for delivered_record in track_records(part, *records):
            self.resolver.start(part, delivered_record)

    def send_raw(self, value: bytes, *, at: int) -> None:
        """Hand it a record of any value."""
        for delivered_record in track_records(self.part, record(value, offset=at)):
            self.resolver.start(self.part, delivered_record)

    async def wait_until_done(self, count: int = 1) -> None:
        """Return when so many requests must be done: time costs nothing here."""
        await asyncio.sleep(2 * DAY_S)
        assert self.part.commit_offset == count

    def lists(self) -> list[ListMapping]:
        """Rows of the audience-lists topic, of whatever audience."""
        rows = [
            {m.key or b"": m.value or b""} for m in self.producer.to("t.audience-lists")
        ]
        return [list_mapping_of(row, key.decode()) for row in rows for key in row]

    async def lose_partition(self) -> None:
        """Lose the partition, as the reader does it."""
        self.part.revoking = True
        self.resolver.on_partitions_revoked([self.part])
        async with asyncio.timeout(LEAVES_WITHIN_S):
            await self.part.wait_idle()
        self.part.revoked = True


VIP = ListRequest(audience="vip")


def test_a_hundred_requests_make_one_list() -> None:
    """All of them are done, and the pairing is written once."""

    async def story() -> ResolverHarness:
        room = ResolverHarness()
        room.request(*[VIP] * 100)
        await room.wait_until_done(100)
        return room

    room = run(story())

    assert room.klaviyo.created_lists == ["vip"]
    assert room.lists() == [ListMapping(list_id="L0", created=True)]


def test_a_list_that_exists_is_taken() -> None:
    """Its creation by a killed worker too."""

    async def story() -> ResolverHarness:
        room = ResolverHarness()
        room.klaviyo.created_lists = ["other", "vip"]
        room.request(VIP)
        await room.wait_until_done()
        return room

    room = run(story())

    assert room.klaviyo.created_lists == ["other", "vip"]
    assert room.lists() == [ListMapping(list_id="L1")]


@pytest.mark.parametrize(
    ("gone", "made"),
    [
        pytest.param("L0", ["vip", "vip"], id="the-known-one-is-gone"),
        pytest.param("L9", ["vip"], id="another-was-gone-it-is-mended-already"),
    ],
)
def test_a_gone_list_is_replaced_once(gone: str, made: Sequence[str]) -> None:
    """Whoever asks late learns of the new one."""

    async def story() -> ResolverHarness:
        room = ResolverHarness()
        room.request(VIP, ListRequest(audience="vip", missing_list_id=gone))
        await room.wait_until_done(2)
        return room

    assert run(story()).klaviyo.created_lists == made


@pytest.mark.parametrize(
    "refusal",
    [pytest.param(Rejected(status=400, reason="invalid: no such name"), id="400")],
)
def test_a_name_klaviyo_refuses_is_written_down(refusal: AttemptResult) -> None:
    """So that the lane can say why it has no list."""

    async def story() -> ResolverHarness:
        room = ResolverHarness()
        room.klaviyo.answers = [refusal]
        room.request(VIP)
        await room.wait_until_done()
        return room

    assert run(story()).lists() == [
        ListMapping(list_id="", refusal_reason="invalid: no such name")
    ]


def test_the_daily_quota_is_waited_out_and_others_are_served() -> None:
    """A known audience is answered at once, the new one when the day is over."""

    async def story() -> list[list[str]]:
        room = ResolverHarness()
        room.klaviyo.answers = [USED_UP]
        room.request(VIP, ListRequest(audience="other"))
        made = []
        for wait_s in (60, DAY_S - 120, 120):
            await asyncio.sleep(wait_s)
            made.append(list(room.klaviyo.created_lists))
        return made

    assert run(story()) == [["other"], ["other"], ["other", "vip"]]


def test_who_loses_the_partition_while_waiting_makes_no_second_list() -> None:
    """Two workers outwait the same quota one after the other: one list."""

    async def story() -> ResolverHarness:
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

    assert run(story()).klaviyo.created_lists == ["vip"]


def test_a_list_made_by_hand_during_the_wait_is_taken() -> None:
    """It is looked for again before one is made."""

    async def story() -> ResolverHarness:
        room = ResolverHarness()
        room.klaviyo.answers = [USED_UP]
        room.request(VIP)
        await asyncio.sleep(60)
        room.klaviyo.created_lists.append("vip")
        await room.wait_until_done()
        return room

    assert run(story()).klaviyo.created_lists == ["vip"]


def test_a_partition_waits_for_a_creation_under_way() -> None:
    """Its next owner would look for a list that is not there yet, and make one."""

    async def story() -> ResolverHarness:
        first = ResolverHarness()
        first.klaviyo.before_answer = lambda: asyncio.sleep(2)
        first.request(VIP)
        await asyncio.sleep(1)
        await first.lose_partition()
        second = ResolverHarness(first)
        second.request(VIP)
        await second.wait_until_done()
        return second

    assert run(story()).klaviyo.created_lists == ["vip"]


def test_a_partition_does_not_wait_for_a_klaviyo_that_is_down() -> None:
    """The request is left to its next owner, not done and not acknowledged."""

    async def story() -> ResolverHarness:
        room = ResolverHarness()
        room.klaviyo.before_answer = lambda: asyncio.sleep(DAY_S)
        room.request(VIP)
        await asyncio.sleep(1)
        await room.lose_partition()
        return room

    room = run(story())

    assert room.part.commit_offset == 0
    assert room.lists() == []


def test_an_unreadable_request_is_passed_over() -> None:
    """It would end every worker that reads it, one after the other."""

    async def story() -> ResolverHarness:
        room = ResolverHarness()
        room.request(VIP)
        room.send_raw(b"no request", at=1)
        await room.wait_until_done(2)
        return room

    room = run(story())

    assert room.lists() == [ListMapping(list_id="L0", created=True)]
