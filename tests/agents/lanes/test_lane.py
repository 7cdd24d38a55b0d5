"""A lane: what waits is batched; what is settled is recorded, then acknowledged."""

import asyncio
from collections.abc import Sequence
from functools import partial

from agents.engine.producer import Message
from agents.lanes.lane import BatchResult, NotNow
from agents.lanes.pending import LaneItem
from streams.delivery.coalescer import BatchKey
from streams.delivery.verdict import Reason, Verdict, dead_letter
from streams.delivery.verdict import delivered as accepted
from tests.support.lane_harness import (
    SOURCE_AGE_MS,
    LaneHarness,
    lane_record,
    remove_from_list,
    run_scenario,
)
from tests.support.worker_fakes import record


def test_what_waits_long_enough_goes_together() -> None:
    """The items are one batch, each record has an outcome, then its offset is done."""

    async def scenario(harness: LaneHarness) -> None:
        await harness.enqueue(*map(lane_record, range(5)))
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    items = harness.producer.outcomes()
    assert harness.lane.batches == [["u0", "u1", "u2", "u3", "u4"]]
    assert [item.origin.offset for item in items] == [0, 1, 2, 3, 4]
    assert [item.message_id for item in items] == ["m0", "m1", "m2", "m3", "m4"]
    assert min(item.latency_ms for item in items) >= SOURCE_AGE_MS
    assert harness.part.commit_offset == 5


def test_a_full_batch_does_not_wait_for_its_age() -> None:
    """And the rest goes when it is old enough."""

    async def scenario(harness: LaneHarness) -> None:
        await harness.enqueue(*map(lane_record, range(12)))
        await asyncio.sleep(1)

    assert [len(batch) for batch in run_scenario(scenario).lane.batches] == [10, 2]


def test_a_batch_waits_for_its_turn_at_the_gate_unless_it_is_full() -> None:
    """Items that come meanwhile join the batch; a full batch could take no more."""

    async def scenario(harness: LaneHarness) -> None:
        harness.limiter.delay_s = 60.0
        await harness.enqueue(*map(lane_record, range(5)))
        await asyncio.sleep(1)
        before.extend(harness.lane.batches)
        await harness.enqueue(*map(lane_record, range(5, 12)))
        await asyncio.sleep(1)
        full.extend(map(len, harness.lane.batches))
        harness.limiter.delay_s = 0.0
        await asyncio.sleep(1)

    before: list[list[str]] = []
    full: list[int] = []
    harness = run_scenario(scenario)

    assert (before, full) == ([], [10])
    assert list(map(len, harness.lane.batches)) == [10, 2]


def test_a_superseded_record_has_its_outcome_and_its_offset_is_done() -> None:
    """The last word alone is sent."""

    async def scenario(harness: LaneHarness) -> None:
        await harness.enqueue(
            lane_record(0, user="u"), lane_record(1, user="u", intent=remove_from_list)
        )
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    first, second = harness.producer.outcomes()
    assert harness.lane.batches == [["u"]]
    assert (first.origin.offset, Reason.parse(first.reason).code) == (0, "superseded")
    assert (second.origin.offset, second.verdict) == (1, Verdict.DELIVERED)
    assert harness.part.commit_offset == 2


def test_what_a_killed_worker_s_successor_tells_again_is_not_sent_again() -> None:
    """Though a newer change of the same thing went in between."""

    async def scenario(harness: LaneHarness) -> None:
        await harness.enqueue(lane_record(0, user="u"))
        await asyncio.sleep(1)
        await harness.enqueue(lane_record(1, user="u", intent=remove_from_list))
        await asyncio.sleep(1)
        await harness.enqueue(lane_record(2, user="u", caused_by=0))
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    *_, again = harness.producer.outcomes()
    assert harness.lane.batches == [["u"], ["u"]]
    assert (again.verdict, Reason.parse(again.reason).code) == (
        Verdict.DISCARDED,
        "duplicate",
    )
    assert harness.part.commit_offset == 3


def test_users_of_one_profile_have_one_order() -> None:
    """An older change that looks new would be the last one, if the newer were not sent.

    The previous owner of the partition settled the first copy of the older one.
    """

    async def scenario(harness: LaneHarness) -> None:
        exit_of_b = partial(
            lane_record,
            user="b",
            intent=remove_from_list,
            caused_by=2,
            edge="edge:1",
        )
        for offset, change in enumerate(
            [
                exit_of_b(0),
                lane_record(1, caused_by=1, user="a", edge="edge:1"),
                exit_of_b(2),
            ]
        ):
            await harness.enqueue(change)
            await asyncio.sleep(offset + 1)

    harness = run_scenario(scenario)

    assert harness.lane.batches == [["b"], ["a"], ["b"]]


def test_a_lane_takes_in_no_more_bytes_than_its_window() -> None:
    """Large records fill it sooner than many small ones."""

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.sendable = False
        await harness.enqueue(lane_record(0))
        second = asyncio.create_task(harness.enqueue(lane_record(1)))
        await asyncio.sleep(1)
        full.append(not second.done())
        harness.lane.sendable = True
        await second

    full: list[bool] = []
    one_bytes = len(lane_record(0).value or b"")
    harness = run_scenario(scenario, max_pending_bytes=one_bytes + 1)

    assert full == [True]
    assert [item.verdict for item in harness.producer.outcomes()] == [
        Verdict.DELIVERED
    ] * 2


def test_what_was_refused_and_comes_back_is_sent() -> None:
    """A dead letter is requeued as it was, once its cause is corrected."""

    async def scenario(harness: LaneHarness) -> None:
        async def refuse(_: BatchKey, items: Sequence[LaneItem]) -> BatchResult:
            return [dead_letter("list-gone: mend it")] * len(items)

        accept, harness.lane.on_send = harness.lane.on_send, refuse
        await harness.enqueue(lane_record(0, user="u"))
        await asyncio.sleep(1)
        harness.lane.on_send = accept
        await harness.enqueue(lane_record(1, user="u", caused_by=0))
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    verdicts = [one.verdict for one in harness.producer.outcomes()]
    assert verdicts == [Verdict.DEAD_LETTER, Verdict.DELIVERED]


def test_nothing_is_acknowledged_before_its_outcome_is_durable() -> None:
    """A crash in between sends again; the other way round would forget."""
    positions: list[int | None] = []

    async def scenario(harness: LaneHarness) -> None:
        def seen(messages: Sequence[Message]) -> None:
            positions.extend([harness.part.commit_offset] if messages else [])

        harness.producer.on_send = seen
        await harness.enqueue(lane_record(0))
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    assert positions == [0]
    assert harness.part.commit_offset == 1


def test_an_unreadable_record_is_a_dead_letter_and_its_neighbour_goes_on() -> None:
    """The origin is the record's own offset, for want of a better one."""

    async def scenario(harness: LaneHarness) -> None:
        await harness.enqueue(record(b"{", offset=0), lane_record(1))
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    [dead_letter_record] = harness.producer.to("t.deadletters")
    assert dead_letter_record.value == b"{"
    assert [item.verdict for item in harness.producer.outcomes()] == [
        Verdict.DEAD_LETTER,
        Verdict.DELIVERED,
    ]
    assert harness.part.commit_offset == 2


def test_a_refused_item_is_a_dead_letter_with_code_and_words() -> None:
    """Headers name stage and source record; its neighbour is delivered."""

    async def one_refused(_group: BatchKey, _items: Sequence[LaneItem]) -> BatchResult:
        return [dead_letter("invalid: bad phone", status=400), accepted()]

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.on_send = one_refused
        await harness.enqueue(lane_record(0), lane_record(1))
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    [dead_letter_record] = harness.producer.to("t.deadletters")
    named = dict(dead_letter_record.headers)
    assert named["__connect.errors.stage"] == b"deliver.lists"
    assert named["__connect.errors.topic"] == b"source"
    assert named["__connect.errors.exception.class.name"] == b"invalid"
    assert named["__connect.errors.exception.message"] == b"bad phone"
    assert harness.part.commit_offset == 2


def test_what_could_not_be_sent_yet_is_sent_later() -> None:
    """The item waits until its batch can be sent, and is acknowledged only then."""
    positions: list[int | None] = []

    async def not_now(_group: BatchKey, _items: Sequence[LaneItem]) -> BatchResult:
        return NotNow()

    async def scenario(harness: LaneHarness) -> None:
        accept, harness.lane.on_send = harness.lane.on_send, not_now
        await harness.enqueue(lane_record(0))
        await asyncio.sleep(0.35)
        harness.lane.sendable, harness.lane.on_send = False, accept
        await asyncio.sleep(100)
        positions.append(harness.part.commit_offset)
        harness.lane.sendable = True
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    assert positions == [0]
    assert harness.part.commit_offset == 1
