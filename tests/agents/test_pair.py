"""An audience's list: asked for often, found or made once."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.engine.partition import Partition
from agents.pair import Pairer
from streams.audiences.pairing import Pairing, PairingRequest, encode, paired
from streams.klaviyo.answers import Answer, Rejected, Throttled
from tests.agents.fakes import (
    FakeKlaviyo,
    FakeProducer,
    context,
    delivered,
    partition,
    record,
    run,
)

DAY_S = 86_400.0
LEAVES_WITHIN_S = 36.0
"""60 % of the default rebalance timeout: the reader ends the process after that."""

USED_UP = Throttled(status=429, retry_after_s=DAY_S)


class Room:
    """A pairer and what is around it; several share Kafka and Klaviyo."""

    def __init__(self, other: "Room | None" = None) -> None:
        self.klaviyo: FakeKlaviyo = other.klaviyo if other else FakeKlaviyo()
        self.producer: FakeProducer = other.producer if other else FakeProducer()
        self.context = context(self.producer, klaviyo=self.klaviyo)
        self.pairer = Pairer(self.context)
        self.part = partition("t.audiences")

    def ask(self, *requests: PairingRequest, part: Partition | None = None) -> None:
        """Hand it requests."""
        part = part or self.part
        records = [record(encode(one), offset=at) for at, one in enumerate(requests)]
        for each in delivered(part, *records):
            self.pairer.take(part, each)

    def tell(self, value: bytes, *, at: int) -> None:
        """Hand it a record of any value."""
        for each in delivered(self.part, record(value, offset=at)):
            self.pairer.take(self.part, each)

    async def done(self, count: int = 1) -> None:
        """Return when so many requests must be done: time costs nothing here."""
        await asyncio.sleep(2 * DAY_S)
        assert self.part.position == count

    def lists(self) -> list[Pairing]:
        """Rows of the lists topic, of whatever audience."""
        rows = [{m.key or b"": m.value or b""} for m in self.producer.to("t.lists")]
        return [paired(row, key.decode()) for row in rows for key in row]

    async def leave(self) -> None:
        """Lose the partition, as the reader does it."""
        self.part.closing = True
        self.pairer.closing([self.part])
        async with asyncio.timeout(LEAVES_WITHIN_S):
            await self.part.idle()
        self.part.closed = True


VIP = PairingRequest(audience="vip")


def test_a_hundred_requests_make_one_list() -> None:
    """All of them are done, and the pairing is written once."""

    async def story() -> Room:
        room = Room()
        room.ask(*[VIP] * 100)
        await room.done(100)
        return room

    room = run(story())

    assert room.klaviyo.made == ["vip"]
    assert room.lists() == [Pairing(list_id="L0", created=True)]


def test_a_list_that_exists_is_taken() -> None:
    """Its creation by a killed worker too."""

    async def story() -> Room:
        room = Room()
        room.klaviyo.made = ["other", "vip"]
        room.ask(VIP)
        await room.done()
        return room

    room = run(story())

    assert room.klaviyo.made == ["other", "vip"]
    assert room.lists() == [Pairing(list_id="L1")]


@pytest.mark.parametrize(
    ("gone", "made"),
    [
        pytest.param("L0", ["vip", "vip"], id="the-known-one-is-gone"),
        pytest.param("L9", ["vip"], id="another-was-gone-it-is-mended-already"),
    ],
)
def test_a_gone_list_is_replaced_once(gone: str, made: Sequence[str]) -> None:
    """Whoever asks late learns of the new one."""

    async def story() -> Room:
        room = Room()
        room.ask(VIP, PairingRequest(audience="vip", gone=gone))
        await room.done(2)
        return room

    assert run(story()).klaviyo.made == made


@pytest.mark.parametrize(
    "refusal",
    [pytest.param(Rejected(status=400, reason="invalid: no such name"), id="400")],
)
def test_a_name_klaviyo_refuses_is_written_down(refusal: Answer) -> None:
    """So that the lane can say why it has no list."""

    async def story() -> Room:
        room = Room()
        room.klaviyo.answers = [refusal]
        room.ask(VIP)
        await room.done()
        return room

    assert run(story()).lists() == [
        Pairing(list_id="", refused="invalid: no such name")
    ]


def test_the_daily_quota_is_waited_out_and_others_are_served() -> None:
    """A known audience is answered at once, the new one when the day is over."""

    async def story() -> list[list[str]]:
        room = Room()
        room.klaviyo.answers = [USED_UP]
        room.ask(VIP, PairingRequest(audience="other"))
        made = []
        for wait_s in (60, DAY_S - 120, 120):
            await asyncio.sleep(wait_s)
            made.append(list(room.klaviyo.made))
        return made

    assert run(story()) == [["other"], ["other"], ["other", "vip"]]


def test_who_loses_the_partition_while_waiting_makes_no_second_list() -> None:
    """Two workers outwait the same quota one after the other: one list."""

    async def story() -> Room:
        first = Room()
        first.klaviyo.answers = [USED_UP, USED_UP]
        first.ask(VIP)
        await asyncio.sleep(60)
        await first.leave()
        second = Room(first)
        second.ask(VIP)
        await second.done()
        await asyncio.sleep(2 * DAY_S)
        return second

    assert run(story()).klaviyo.made == ["vip"]


def test_a_list_made_by_hand_during_the_wait_is_taken() -> None:
    """It is looked for again before one is made."""

    async def story() -> Room:
        room = Room()
        room.klaviyo.answers = [USED_UP]
        room.ask(VIP)
        await asyncio.sleep(60)
        room.klaviyo.made.append("vip")
        await room.done()
        return room

    assert run(story()).klaviyo.made == ["vip"]


def test_a_partition_waits_for_a_creation_under_way() -> None:
    """Its next owner would look for a list that is not there yet, and make one."""

    async def story() -> Room:
        first = Room()
        first.klaviyo.before_answer = lambda: asyncio.sleep(2)
        first.ask(VIP)
        await asyncio.sleep(1)
        await first.leave()
        second = Room(first)
        second.ask(VIP)
        await second.done()
        return second

    assert run(story()).klaviyo.made == ["vip"]


def test_a_partition_does_not_wait_for_a_klaviyo_that_is_down() -> None:
    """The request is left to its next owner, not done and not acknowledged."""

    async def story() -> Room:
        room = Room()
        room.klaviyo.before_answer = lambda: asyncio.sleep(DAY_S)
        room.ask(VIP)
        await asyncio.sleep(1)
        await room.leave()
        return room

    room = run(story())

    assert room.part.position == 0
    assert room.lists() == []


def test_an_unreadable_request_is_passed_over() -> None:
    """It would end every worker that reads it, one after the other."""

    async def story() -> Room:
        room = Room()
        room.ask(VIP)
        room.tell(b"no request", at=1)
        await room.done(2)
        return room

    room = run(story())

    assert room.lists() == [Pairing(list_id="L0", created=True)]
