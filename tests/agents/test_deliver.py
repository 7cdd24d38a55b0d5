"""Hop 3's lists lane: which list it means, and what it waits for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from agents.deliver import room_of
from agents.lanes.lists import ListsLane
from agents.lanes.receipt import Waiting
from streams.actions.activation import Activation, Lane
from streams.actions.intents import ListAdd, ListRemove, ProfileUpsert
from streams.actions.kinds import named_by
from streams.audiences.pairing import (
    Pairing,
    PairingRequest,
    decode_request,
    encode,
)
from streams.delivery.queue import Group, Item
from streams.delivery.verdict import Verdict
from streams.events.origin import Origin
from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.members import add_members
from streams.sandbox import Sandbox, SandboxConfig
from tests.agents.fakes import FakeProducer, context
from tests.streams.klaviyo.fakes import KEY, FakeClock

VIP = "audience:vip"
ADDS = Group("add", VIP, "addProfileToList")
REMOVALS = Group("remove", VIP, "removeProfileFromList")
JOB_S = 30.0


class Desk:
    """The lane, a sandbox behind it, and the lists topic as it knows it."""

    def __init__(self, klaviyo: Sandbox, client: KlaviyoClient) -> None:
        self.klaviyo = klaviyo
        self.client = client
        self.producer = FakeProducer()
        self.context = context(self.producer, klaviyo=client)
        lane = room_of(self.context, Lane.LISTS)
        assert isinstance(lane, ListsLane)
        self.lane = lane

    def pair(self, pairing: Pairing) -> None:
        """A row arrives on the lists topic."""
        self.context.lists.rows[b"vip"] = encode(pairing)

    def asked(self) -> list[PairingRequest]:
        """Requests for a list."""
        sent = self.producer.to("t.audiences")
        return [decode_request(message.value or b"") for message in sent]

    def members(self, list_id: str) -> int:
        """How many a list has."""
        return len(self.klaviyo.state.lists.by_id[list_id].members)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A lane in front of a sandbox whose import jobs take half a minute."""
    async with _desk() as desk:
        yield desk


@asynccontextmanager
async def _desk() -> AsyncIterator[Desk]:
    clock = FakeClock()
    config = SandboxConfig(quota_scale=None, clock_s=clock.read, job_s=JOB_S)
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, timing=clock.timing(), base_url=klaviyo.url
        ) as client,
    ):
        yield Desk(klaviyo, client)


def _list(desk: Desk) -> str:
    now_s = desk.klaviyo.config.clock_s()
    made = desk.klaviyo.state.lists.create(
        "vip", opt_in_process="single_opt_in", now_s=now_s
    )
    return made.id


def _items(kind: str = "add", *, count: int = 1) -> list[Waiting]:
    return [
        Item(
            activation=Activation(
                action="any",
                user=f"u{number}",
                intent=_intent(kind, {"external_id": f"u{number}"}),
                time_ms=1,
                origin=Origin(topic="source", partition=0, offset=number),
                audience="vip",
            ),
            receipts=(),
            since_s=0.0,
        )
        for number in range(count)
    ]


def _intent(kind: str, who: dict[str, str]) -> ListAdd | ListRemove | ProfileUpsert:
    match kind:
        case "add":
            return ListAdd(list_id="", profile={**who}, dropped=("bad-phone",))
        case "remove":
            return ListRemove(list_id="", identifiers=who)
        case _:
            return ProfileUpsert(profile={**who}, list_id="L", append={"seen": "x"})


async def _verdicts(
    desk: Desk, group: Group, items: Sequence[Waiting]
) -> set[tuple[Verdict, str]]:
    verdicts = await desk.lane.send(group, items)
    assert verdicts is not None
    return {(one.verdict, one.reason.partition(":")[0]) for one in verdicts}


async def test_an_audience_without_a_list_asks_for_one_and_waits(desk: Desk) -> None:
    """Once, however many wait; when the pairing comes they may go."""
    before = desk.lane.sendable(ADDS)

    sent = await desk.lane.send(ADDS, _items())

    assert (before, sent) == (True, None)
    assert desk.asked() == [PairingRequest(audience="vip")]
    assert not desk.lane.sendable(ADDS)
    assert not desk.lane.sendable(REMOVALS)

    desk.pair(Pairing(list_id=_list(desk)))

    assert desk.lane.sendable(ADDS)


async def test_a_deleted_list_is_asked_for_anew(desk: Desk) -> None:
    """Nothing is sent to the old one; the new one is taken when it comes."""
    desk.pair(Pairing(list_id="GONE"))

    sent = await desk.lane.send(ADDS, _items())

    assert sent is None
    assert desk.asked() == [PairingRequest(audience="vip", gone="GONE")]
    assert not desk.lane.sendable(ADDS)

    desk.pair(Pairing(list_id=_list(desk)))

    assert desk.lane.sendable(ADDS)
    assert await _verdicts(desk, ADDS, _items()) == {(Verdict.DELIVERED, "dropped")}


@pytest.mark.parametrize("kind", ["add", "remove", "patch"])
async def test_a_list_a_person_named_and_that_is_gone_needs_a_person(
    desk: Desk, kind: str
) -> None:
    """No other list may take its place."""
    items = await _known(desk, kind)

    ends = await _verdicts(desk, Group(kind, "id:GONE", "any"), items)

    assert ends == {(Verdict.DEAD_LETTER, "list-gone")}
    assert desk.asked() == []


async def _known(desk: Desk, kind: str) -> list[Waiting]:
    """Items whose profiles Klaviyo knows."""
    items = _items(kind)
    profiles = [named_by(item.activation.intent) for item in items]
    await add_members(desk.client, _list(desk), profiles)
    return items


async def test_an_audience_klaviyo_takes_no_list_for_says_so(desk: Desk) -> None:
    """With Klaviyo's reason."""
    desk.pair(Pairing(list_id="", refused="invalid: no such name"))

    ends = await _verdicts(desk, ADDS, _items())

    assert ends == {(Verdict.DEAD_LETTER, "no-list")}


async def test_a_removal_waits_for_the_import_of_the_same_list_by_another_name(
    desk: Desk,
) -> None:
    """An audience and a mapping may mean one list; both are one person's."""
    list_id = _list(desk)
    desk.pair(Pairing(list_id=list_id))
    adding = asyncio.create_task(
        desk.lane.send(Group("add", VIP, "any"), _items(count=5))
    )
    while not desk.klaviyo.state.jobs.running:  # noqa: ASYNC110 - a sandbox tells nobody
        await asyncio.sleep(0)

    by_id = Group("remove", f"id:{list_id}", "any")
    early = await desk.lane.send(by_id, _items("remove"))
    await adding
    late = await _verdicts(desk, by_id, _items("remove"))

    assert early is None
    assert late == {(Verdict.DELIVERED, "")}
    assert desk.members(list_id) == 4


async def test_a_removal_waits_for_the_import_of_a_killed_owner(desk: Desk) -> None:
    """Taken over while it ran, it cannot add anyone back afterwards."""
    list_id = _list(desk)
    desk.pair(Pairing(list_id=list_id))
    items = _items("remove", count=20)
    profiles = [named_by(item.activation.intent) for item in items]
    adding = asyncio.create_task(add_members(desk.client, list_id, profiles))
    while not desk.klaviyo.state.jobs.running:  # noqa: ASYNC110 - a sandbox tells nobody
        await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)

    await desk.lane.take_over(0)
    ends = await _verdicts(desk, REMOVALS, items)

    assert ends == {(Verdict.DELIVERED, "")}
    assert desk.klaviyo.state.jobs.running == 0
    assert desk.members(list_id) == 0


async def test_what_was_left_out_of_a_payload_reaches_its_verdict(desk: Desk) -> None:
    """It was taken all the same."""
    desk.pair(Pairing(list_id=_list(desk)))

    verdicts = await desk.lane.send(ADDS, _items())

    assert verdicts is not None
    assert [one.reason for one in verdicts] == ["dropped: bad-phone"]


async def test_a_mapping_s_list_needs_no_pairing(desk: Desk) -> None:
    """Its id is in the group; a patch goes with it too."""
    list_id = _list(desk)
    group = Group("patch", f"id:{list_id}", "upsertProfile")

    sendable = desk.lane.sendable(group)
    ends = await _verdicts(desk, group, _items("patch", count=2))

    assert (sendable, ends) == (True, {(Verdict.DELIVERED, "")})
    assert desk.members(list_id) == 2
    assert desk.asked() == []
