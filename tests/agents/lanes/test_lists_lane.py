"""Stage 3's lists lane: which list it means, and what it waits for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from agents.deliver import build_lane
from agents.lanes.lists import ListsLane
from agents.lanes.pending import LaneItem
from streams.actions.activation import Activation, LaneId
from streams.actions.intents import ListAdd, ListRemove, ProfileUpsert
from streams.actions.kinds import identifying_attributes
from streams.audiences.list_mapping import (
    ListMapping,
    ListRequest,
    decode_list_request,
    encode_json,
)
from streams.delivery.coalescer import BatchKey, QueuedItem
from streams.delivery.verdict import Verdict
from streams.events.origin import Origin
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.list_members import add_members
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock
from tests.support.worker_fakes import FakeProducer, context

VIP = "audience:vip"
ADDS = BatchKey("add", VIP, "addProfileToList")
REMOVALS = BatchKey("remove", VIP, "removeProfileFromList")
JOB_S = 30.0


class ListsLaneHarness:
    """The lane, a sandbox behind it, and the audience-lists topic as it knows it."""

    def __init__(self, klaviyo: Sandbox, client: KlaviyoClient) -> None:
        self.klaviyo = klaviyo
        self.client = client
        self.producer = FakeProducer()
        self.context = context(self.producer, klaviyo=client)
        lane = build_lane(self.context, LaneId.LISTS)
        assert isinstance(lane, ListsLane)
        self.lane = lane

    def set_list_mapping(self, list_mapping: ListMapping) -> None:
        """A row arrives on the audience-lists topic."""
        self.context.audience_lists.rows[b"vip"] = encode_json(list_mapping)

    def list_requests(self) -> list[ListRequest]:
        """Requests for a list."""
        sent = self.producer.to("t.list-requests")
        return [decode_list_request(message.value or b"") for message in sent]

    def member_count(self, list_id: str) -> int:
        """How many a list has."""
        return len(self.klaviyo.account.lists.by_id[list_id].members)


@pytest.fixture
async def desk() -> AsyncIterator[ListsLaneHarness]:
    """A lane in front of a sandbox whose import jobs take half a minute."""
    async with _open_harness() as desk:
        yield desk


@asynccontextmanager
async def _open_harness() -> AsyncIterator[ListsLaneHarness]:
    clock = FakeClock()
    config = SandboxConfig(quota_scale=None, clock_s=clock.read, job_s=JOB_S)
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url
        ) as client,
    ):
        yield ListsLaneHarness(klaviyo, client)


def _create_list(desk: ListsLaneHarness) -> str:
    now_s = desk.klaviyo.config.clock_s()
    created = desk.klaviyo.account.lists.create(
        "vip", opt_in_process="single_opt_in", now_s=now_s
    )
    return created.id


def _items(kind: str = "add", *, count: int = 1) -> list[LaneItem]:
    return [
        QueuedItem(
            activation=Activation(
                action="any",
                user=f"u{number}",
                intent=_intent(kind, {"external_id": f"u{number}"}),
                time_ms=1,
                origin=Origin(topic="source", partition=0, offset=number),
                audience="vip",
            ),
            records=(),
            queued_s=0.0,
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


async def _verdict_codes(
    desk: ListsLaneHarness, group: BatchKey, items: Sequence[LaneItem]
) -> set[tuple[Verdict, str]]:
    verdicts = await desk.lane.send(group, items)
    assert verdicts is not None
    return {(one.verdict, one.reason.partition(":")[0]) for one in verdicts}


async def test_an_audience_without_a_list_asks_for_one_and_waits(
    desk: ListsLaneHarness,
) -> None:
    """Once, however many wait; when the pairing comes they may go."""
    before = desk.lane.can_send(ADDS)

    sent = await desk.lane.send(ADDS, _items())

    assert (before, sent) == (True, None)
    assert desk.list_requests() == [ListRequest(audience="vip")]
    assert not desk.lane.can_send(ADDS)
    assert not desk.lane.can_send(REMOVALS)

    desk.set_list_mapping(ListMapping(list_id=_create_list(desk)))

    assert desk.lane.can_send(ADDS)


async def test_a_deleted_list_is_asked_for_anew(desk: ListsLaneHarness) -> None:
    """Nothing is sent to the old one; the new one is taken when it comes."""
    desk.set_list_mapping(ListMapping(list_id="GONE"))

    sent = await desk.lane.send(ADDS, _items())

    assert sent is None
    assert desk.list_requests() == [ListRequest(audience="vip", missing_list_id="GONE")]
    assert not desk.lane.can_send(ADDS)

    desk.set_list_mapping(ListMapping(list_id=_create_list(desk)))

    assert desk.lane.can_send(ADDS)
    assert await _verdict_codes(desk, ADDS, _items()) == {
        (Verdict.DELIVERED, "dropped")
    }


@pytest.mark.parametrize("kind", ["add", "remove", "patch"])
async def test_a_list_a_person_named_and_that_is_gone_needs_a_person(
    desk: ListsLaneHarness, kind: str
) -> None:
    """No other list may take its place."""
    items = await _known_to_klaviyo(desk, kind)

    ends = await _verdict_codes(desk, BatchKey(kind, "id:GONE", "any"), items)

    assert ends == {(Verdict.DEAD_LETTER, "list-gone")}
    assert desk.list_requests() == []


async def _known_to_klaviyo(desk: ListsLaneHarness, kind: str) -> list[LaneItem]:
    """Items whose profiles Klaviyo knows."""
    items = _items(kind)
    profiles = [identifying_attributes(item.activation.intent) for item in items]
    await add_members(desk.client, _create_list(desk), profiles)
    return items


async def test_an_audience_klaviyo_takes_no_list_for_says_so(
    desk: ListsLaneHarness,
) -> None:
    """With Klaviyo's reason."""
    desk.set_list_mapping(
        ListMapping(list_id="", refusal_reason="invalid: no such name")
    )

    ends = await _verdict_codes(desk, ADDS, _items())

    assert ends == {(Verdict.DEAD_LETTER, "no-list")}


async def test_a_removal_waits_for_the_import_of_the_same_list_by_another_name(
    desk: ListsLaneHarness,
) -> None:
    """An audience and a mapping may mean one list; both are one person's."""
    list_id = _create_list(desk)
    desk.set_list_mapping(ListMapping(list_id=list_id))
    adding = asyncio.create_task(
        desk.lane.send(BatchKey("add", VIP, "any"), _items(count=5))
    )
    while not desk.klaviyo.account.jobs.running_count:  # noqa: ASYNC110 - a sandbox tells nobody
        await asyncio.sleep(0)

    by_id = BatchKey("remove", f"id:{list_id}", "any")
    early = await desk.lane.send(by_id, _items("remove"))
    await adding
    late = await _verdict_codes(desk, by_id, _items("remove"))

    assert early is None
    assert late == {(Verdict.DELIVERED, "")}
    assert desk.member_count(list_id) == 4


async def test_a_removal_waits_for_the_import_of_a_killed_owner(
    desk: ListsLaneHarness,
) -> None:
    """Taken over while it ran, it cannot add anyone back afterwards."""
    list_id = _create_list(desk)
    desk.set_list_mapping(ListMapping(list_id=list_id))
    items = _items("remove", count=20)
    profiles = [identifying_attributes(item.activation.intent) for item in items]
    adding = asyncio.create_task(add_members(desk.client, list_id, profiles))
    while not desk.klaviyo.account.jobs.running_count:  # noqa: ASYNC110 - a sandbox tells nobody
        await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)

    await desk.lane.on_partition_assigned(0)
    ends = await _verdict_codes(desk, REMOVALS, items)

    assert ends == {(Verdict.DELIVERED, "")}
    assert desk.klaviyo.account.jobs.running_count == 0
    assert desk.member_count(list_id) == 0


async def test_what_was_left_out_of_a_payload_reaches_its_verdict(
    desk: ListsLaneHarness,
) -> None:
    """It was taken all the same."""
    desk.set_list_mapping(ListMapping(list_id=_create_list(desk)))

    verdicts = await desk.lane.send(ADDS, _items())

    assert verdicts is not None
    assert [one.reason for one in verdicts] == ["dropped: bad-phone"]


async def test_a_mapping_s_list_needs_no_pairing(desk: ListsLaneHarness) -> None:
    """Its id is in the group; a patch goes with it too."""
    list_id = _create_list(desk)
    group = BatchKey("patch", f"id:{list_id}", "upsertProfile")

    sendable = desk.lane.can_send(group)
    ends = await _verdict_codes(desk, group, _items("patch", count=2))

    assert (sendable, ends) == (True, {(Verdict.DELIVERED, "")})
    assert desk.member_count(list_id) == 2
    assert desk.list_requests() == []
