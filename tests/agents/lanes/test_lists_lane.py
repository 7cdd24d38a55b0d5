"""Stage 3's lists lane: which list it means, and what it waits for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from agents.deliver import create_lane
from agents.engine.kafka import Record
from agents.lanes.lane import NotNow
from agents.lanes.lists import ListsLane
from agents.lanes.pending import LaneItem
from streams.actions.activation import Activation, ByAudience, ById
from streams.actions.intents import (
    ListAdd,
    ListRemove,
    ProfileUpsert,
    identifying_attributes,
)
from streams.audiences.list_mapping import (
    ListMapping,
    ListRequest,
    decode_list_request,
    encode_json,
)
from streams.delivery.coalescer import BatchKey, QueuedItem
from streams.delivery.verdict import Reason, Verdict
from streams.events.canonical_event import Origin
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.profiles import add_members
from streams.klaviyo.operations.upserts import upsert_profiles
from streams.sandbox import Sandbox, SandboxConfig
from streams.sandbox.account.consent import EMAIL_MARKETING
from streams.settings.model import LaneId
from tests.streams.klaviyo.fakes import KEY, FakeClock
from tests.support.lane_sandbox import (
    POLL_S,
    LaneSandboxHarness,
    lane_record,
    now_s,
    run_scenario,
    verdict_reasons,
)
from tests.support.worker_fakes import FakeProducer, context

VIP = ByAudience("vip")
ADDS = BatchKey("add", VIP, "addProfileToList")
REMOVALS = BatchKey("remove", VIP, "removeProfileFromList")
JOB_S = 6.0


class ListsLaneHarness:
    """The lane, a sandbox behind it, and the audience-lists topic as it knows it."""

    def __init__(self, klaviyo: Sandbox, client: KlaviyoClient) -> None:
        self.klaviyo = klaviyo
        self.client = client
        self.producer = FakeProducer()
        self.context = context(self.producer, klaviyo=client)
        lane = create_lane(self.context, LaneId.LISTS)
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
        """Return the number of members of a list."""
        return len(self.klaviyo.account.lists.by_id[list_id].members)


@pytest.fixture
async def harness() -> AsyncIterator[ListsLaneHarness]:
    """A lane in front of a sandbox whose import jobs take some seconds."""
    async with _open_harness() as harness:
        yield harness


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


def create_list(klaviyo: Sandbox) -> str:
    """Create a list in the sandbox, and return its id."""
    now_s = klaviyo.config.clock_s()
    created = klaviyo.account.lists.create(
        "vip", opt_in_process="single_opt_in", now_s=now_s
    )
    return created.id


def _items(kind: str = "add", *, count: int = 1) -> list[LaneItem]:
    return [
        QueuedItem.of(
            Activation(
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
    harness: ListsLaneHarness, group: BatchKey, items: Sequence[LaneItem]
) -> set[tuple[Verdict, str]]:
    verdicts = await harness.lane.send(harness.client, group, items)
    assert not isinstance(verdicts, NotNow)
    return {
        (verdict.verdict, Reason.parse(verdict.reason).code) for verdict in verdicts
    }


async def test_an_audience_without_a_list_asks_for_one_and_waits(
    harness: ListsLaneHarness,
) -> None:
    """Once, however many wait; when the pairing comes they may go."""
    before = harness.lane.can_send(ADDS)

    sent = await harness.lane.send(harness.client, ADDS, _items())

    assert (before, sent) == (True, NotNow())
    assert harness.list_requests() == [ListRequest(audience="vip")]
    assert not harness.lane.can_send(ADDS)
    assert not harness.lane.can_send(REMOVALS)

    harness.set_list_mapping(ListMapping(list_id=create_list(harness.klaviyo)))

    assert harness.lane.can_send(ADDS)


async def test_a_deleted_list_is_asked_for_anew(harness: ListsLaneHarness) -> None:
    """No request goes to the old list; the new one is used when it comes."""
    harness.set_list_mapping(ListMapping(list_id="GONE"))

    sent = await harness.lane.send(harness.client, ADDS, _items())

    assert sent == NotNow()
    assert harness.list_requests() == [
        ListRequest(audience="vip", missing_list_id="GONE")
    ]
    assert not harness.lane.can_send(ADDS)

    harness.set_list_mapping(ListMapping(list_id=create_list(harness.klaviyo)))

    assert harness.lane.can_send(ADDS)
    assert await _verdict_codes(harness, ADDS, _items()) == {
        (Verdict.DELIVERED, "dropped")
    }


@pytest.mark.parametrize("kind", ["add", "remove", "patch"])
async def test_a_list_a_person_named_and_that_is_gone_needs_a_person(
    harness: ListsLaneHarness, kind: str
) -> None:
    """No other list may take its place."""
    items = await _known_to_klaviyo(harness, kind)

    ends = await _verdict_codes(harness, BatchKey(kind, ById("GONE"), "any"), items)

    assert ends == {(Verdict.DEAD_LETTER, "list-gone")}
    assert harness.list_requests() == []


async def _known_to_klaviyo(harness: ListsLaneHarness, kind: str) -> list[LaneItem]:
    """Items whose profiles Klaviyo knows."""
    items = _items(kind)
    profiles = [identifying_attributes(item.activation.intent) for item in items]
    await add_members(harness.client, create_list(harness.klaviyo), profiles)
    return items


async def test_an_audience_klaviyo_takes_no_list_for_says_so(
    harness: ListsLaneHarness,
) -> None:
    """The verdict has Klaviyo's reason."""
    harness.set_list_mapping(
        ListMapping(list_id="", refusal_reason="invalid: no such name")
    )

    ends = await _verdict_codes(harness, ADDS, _items())

    assert ends == {(Verdict.DEAD_LETTER, "no-list")}


async def test_what_was_left_out_of_a_payload_reaches_its_verdict(
    harness: ListsLaneHarness,
) -> None:
    """The profile was sent all the same."""
    harness.set_list_mapping(ListMapping(list_id=create_list(harness.klaviyo)))

    verdicts = await harness.lane.send(harness.client, ADDS, _items())

    assert not isinstance(verdicts, NotNow)
    assert [verdict.reason for verdict in verdicts] == ["dropped: bad-phone"]


async def test_a_mapping_s_list_needs_no_pairing(harness: ListsLaneHarness) -> None:
    """The id is in the batch key; a patch goes with the list too."""
    list_id = create_list(harness.klaviyo)
    group = BatchKey("patch", ById(list_id), "upsertProfile")

    sendable = harness.lane.can_send(group)
    ends = await _verdict_codes(harness, group, _items("patch", count=2))

    assert (sendable, ends) == (True, {(Verdict.DELIVERED, "")})
    assert harness.member_count(list_id) == 2
    assert harness.list_requests() == []


def _enters(count: int) -> list[Record]:
    return [
        lane_record(
            number,
            ListAdd(list_id="", profile={"external_id": f"u{number}"}),
            user=f"u{number}",
            audience="vip",
        )
        for number in range(count)
    ]


def _set_list_mapping(harness: LaneSandboxHarness, list_id: str) -> None:
    row = encode_json(ListMapping(list_id=list_id))
    harness.context.audience_lists.rows[b"vip"] = row


async def _wait_for_import(klaviyo: Sandbox) -> None:
    while not klaviyo.account.jobs.running_count:  # noqa: ASYNC110 - the sandbox has no event for it
        await asyncio.sleep(POLL_S)


def test_a_removal_waits_for_the_import_of_the_same_list_by_another_name() -> None:
    """An audience and a mapping may mean one list; both change the same member."""

    async def scenario(harness: LaneSandboxHarness) -> int:
        list_id = create_list(harness.klaviyo)
        _set_list_mapping(harness, list_id)
        leaves = ListRemove(list_id=list_id, identifiers={"external_id": "u0"})
        async with harness.service:
            await harness.enqueue(*_enters(5))
            await _wait_for_import(harness.klaviyo)
            await harness.enqueue(lane_record(5, leaves, user="u0"))
            await asyncio.sleep(JOB_S / 2)
            early.extend(harness.outcomes())
            await harness.wait_for_outcomes(6)
        outcomes.extend(harness.outcomes())
        return len(harness.klaviyo.account.lists.by_id[list_id].members)

    early: list[tuple[int, str, str]] = []
    outcomes: list[tuple[int, str, str]] = []

    member_count = run_scenario(LaneId.LISTS, scenario, job_s=JOB_S)

    assert early == []
    assert outcomes == [(offset, "delivered", "") for offset in range(6)]
    assert member_count == 4


def test_a_removal_waits_for_the_import_of_a_killed_owner() -> None:
    """An import that still runs could add members back after their removal."""

    async def scenario(harness: LaneSandboxHarness) -> tuple[int, int]:
        list_id = create_list(harness.klaviyo)
        profiles = [{"external_id": f"u{number}"} for number in range(20)]
        adding = asyncio.create_task(add_members(harness.client, list_id, profiles))
        await _wait_for_import(harness.klaviyo)
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)
        leaves = [ListRemove(list_id=list_id, identifiers=who) for who in profiles]
        async with harness.take_over(LaneId.LISTS) as successor:
            await successor.enqueue(
                *(
                    lane_record(number, intent, user=f"u{number}")
                    for number, intent in enumerate(leaves)
                )
            )
            await successor.wait_for_outcomes(20)
            outcomes.extend(successor.outcomes())
        account = harness.klaviyo.account
        return account.jobs.running_count, len(account.lists.by_id[list_id].members)

    outcomes: list[tuple[int, str, str]] = []

    counts = run_scenario(LaneId.LISTS, scenario, job_s=JOB_S)

    assert {(verdict, code) for _, verdict, code in outcomes} == {("delivered", "")}
    assert counts == (0, 0)


@pytest.mark.parametrize("unset", [(), ("plan",)], ids=["add", "patch"])
def test_a_withdrawal_outlives_an_address_that_changes_with_the_list(
    unset: tuple[str, ...],
) -> None:
    """The consent of the previous address is read before the list changes."""

    async def scenario(harness: LaneSandboxHarness) -> list[tuple[str, str]]:
        account = harness.klaviyo.account
        account.switches.set_values({"email_change_consent": "goes-with-address"})
        person = {"external_id": "u", "email": "old@x.io"}
        await upsert_profiles(harness.client, [person])
        [profile] = account.profiles.find_owners({"email": "old@x.io"})
        account.consents.unsubscribe(profile.id, EMAIL_MARKETING, now_s=now_s())
        intent = ProfileUpsert(
            profile=person | {"email": "new@x.io"},
            unset=unset,
            list_id=create_list(harness.klaviyo),
            previous_emails=("old@x.io",),
        )
        return verdict_reasons(await harness.send(intent))

    [end] = run_scenario(LaneId.LISTS, scenario)

    assert end == ("delivered", "withdrawal-kept: unsubscribed, as before")
