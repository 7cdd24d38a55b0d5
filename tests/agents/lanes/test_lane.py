"""A lane: what waits is batched; what is settled is recorded, then acknowledged."""

import asyncio
from collections.abc import Sequence

from agents.engine.producer import Message
from agents.lanes.pending import LaneItem
from streams.delivery.coalescer import BatchKey
from streams.delivery.verdict import ItemVerdict, Verdict, dead_letter
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
    """One batch, an outcome for each record, then its offset is done."""

    async def story(desk: LaneHarness) -> None:
        await desk.enqueue(*map(lane_record, range(5)))
        await asyncio.sleep(1)

    desk = run_scenario(story)

    items = desk.producer.outcomes()
    assert desk.batches == [["u0", "u1", "u2", "u3", "u4"]]
    assert [item.origin.offset for item in items] == [0, 1, 2, 3, 4]
    assert [item.message_id for item in items] == ["m0", "m1", "m2", "m3", "m4"]
    assert min(item.latency_ms for item in items) >= SOURCE_AGE_MS
    assert desk.part.commit_offset == 5


def test_a_full_batch_does_not_wait_for_its_age() -> None:
    """And the rest goes when it is old enough."""

    async def story(desk: LaneHarness) -> None:
        await desk.enqueue(*map(lane_record, range(12)))
        await asyncio.sleep(1)

    assert [len(batch) for batch in run_scenario(story).batches] == [10, 2]


def test_a_batch_waits_for_its_turn_at_the_gate_unless_it_is_full() -> None:
    """What comes meanwhile goes along; a full one could take in nothing more."""

    async def story(desk: LaneHarness) -> None:
        desk.is_due = False
        await desk.enqueue(*map(lane_record, range(5)))
        await asyncio.sleep(1)
        before.extend(desk.batches)
        await desk.enqueue(*map(lane_record, range(5, 12)))
        await asyncio.sleep(1)
        full.extend(map(len, desk.batches))
        desk.is_due = True
        await asyncio.sleep(1)

    before: list[list[str]] = []
    full: list[int] = []
    desk = run_scenario(story)

    assert (before, full) == ([], [10])
    assert list(map(len, desk.batches)) == [10, 2]


def test_a_superseded_record_has_its_outcome_and_its_offset_is_done() -> None:
    """The last word alone is sent."""

    async def story(desk: LaneHarness) -> None:
        await desk.enqueue(
            lane_record(0, user="u"), lane_record(1, user="u", intent=remove_from_list)
        )
        await asyncio.sleep(1)

    desk = run_scenario(story)

    first, second = desk.producer.outcomes()
    assert desk.batches == [["u"]]
    assert (first.origin.offset, first.reason.partition(":")[0]) == (0, "superseded")
    assert (second.origin.offset, second.verdict) == (1, Verdict.DELIVERED)
    assert desk.part.commit_offset == 2


def test_what_a_killed_worker_s_successor_tells_again_is_not_sent_again() -> None:
    """Though a newer change of the same thing went in between."""

    async def story(desk: LaneHarness) -> None:
        await desk.enqueue(lane_record(0, user="u"))
        await asyncio.sleep(1)
        await desk.enqueue(lane_record(1, user="u", intent=remove_from_list))
        await asyncio.sleep(1)
        await desk.enqueue(lane_record(2, user="u", caused_by=0))
        await asyncio.sleep(1)

    desk = run_scenario(story)

    *_, again = desk.producer.outcomes()
    assert desk.batches == [["u"], ["u"]]
    assert (again.verdict, again.reason.partition(":")[0]) == (
        Verdict.DISCARDED,
        "duplicate",
    )
    assert desk.part.commit_offset == 3


def test_a_lane_takes_in_no_more_bytes_than_its_window() -> None:
    """Large records fill it sooner than many small ones."""

    async def story(desk: LaneHarness) -> None:
        desk.can_send = False
        await desk.enqueue(lane_record(0))
        second = asyncio.create_task(desk.enqueue(lane_record(1)))
        await asyncio.sleep(1)
        full.append(not second.done())
        desk.can_send = True
        await second

    full: list[bool] = []
    one_bytes = len(lane_record(0).value or b"")
    desk = run_scenario(story, window_bytes=one_bytes + 1)

    assert full == [True]
    assert [item.verdict for item in desk.producer.outcomes()] == [
        Verdict.DELIVERED
    ] * 2


def test_what_was_refused_and_comes_back_is_sent() -> None:
    """A dead letter is requeued as it was, once what refused it is mended."""

    async def story(desk: LaneHarness) -> None:
        async def refuse(_: BatchKey, items: Sequence[LaneItem]) -> list[ItemVerdict]:
            return [dead_letter("list-gone: mend it")] * len(items)

        accept, desk.on_send = desk.on_send, refuse
        await desk.enqueue(lane_record(0, user="u"))
        await asyncio.sleep(1)
        desk.on_send = accept
        await desk.enqueue(lane_record(1, user="u", caused_by=0))
        await asyncio.sleep(1)

    desk = run_scenario(story)

    verdicts = [one.verdict for one in desk.producer.outcomes()]
    assert verdicts == [Verdict.DEAD_LETTER, Verdict.DELIVERED]


def test_nothing_is_acknowledged_before_its_outcome_is_durable() -> None:
    """A crash in between sends again; the other way round would forget."""
    positions: list[int | None] = []

    async def story(desk: LaneHarness) -> None:
        def seen(messages: Sequence[Message]) -> None:
            positions.extend([desk.part.commit_offset] if messages else [])

        desk.producer.on_send = seen
        await desk.enqueue(lane_record(0))
        await asyncio.sleep(1)

    desk = run_scenario(story)

    assert positions == [0]
    assert desk.part.commit_offset == 1


def test_an_unreadable_record_is_a_dead_letter_and_its_neighbour_goes_on() -> None:
    """Its origin is where it lies on the lane, for want of a better one."""

    async def story(desk: LaneHarness) -> None:
        await desk.enqueue(record(b"{", offset=0), lane_record(1))
        await asyncio.sleep(1)

    desk = run_scenario(story)

    [letter] = desk.producer.to("t.deadletters")
    assert letter.value == b"{"
    assert [item.verdict for item in desk.producer.outcomes()] == [
        Verdict.DEAD_LETTER,
        Verdict.DELIVERED,
    ]
    assert desk.part.commit_offset == 2


def test_a_refused_item_is_a_dead_letter_with_code_and_words() -> None:
    """Headers name stage and source record; its neighbour is delivered."""

    async def one_refused(
        _group: BatchKey, _items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        return [dead_letter("invalid: bad phone", status=400), accepted()]

    async def story(desk: LaneHarness) -> None:
        desk.on_send = one_refused
        await desk.enqueue(lane_record(0), lane_record(1))
        await asyncio.sleep(1)

    desk = run_scenario(story)

    [letter] = desk.producer.to("t.deadletters")
    named = dict(letter.headers)
    assert named["__connect.errors.stage"] == b"deliver.lists"
    assert named["__connect.errors.topic"] == b"source"
    assert named["__connect.errors.exception.class.name"] == b"invalid"
    assert named["__connect.errors.exception.message"] == b"bad phone"
    assert desk.part.commit_offset == 2


def test_what_could_not_be_sent_yet_is_sent_later() -> None:
    """It waits until its group can be sent, and is acknowledged only then."""
    positions: list[int | None] = []

    async def not_now(
        _group: BatchKey, _items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        return None

    async def story(desk: LaneHarness) -> None:
        accept, desk.on_send = desk.on_send, not_now
        await desk.enqueue(lane_record(0))
        await asyncio.sleep(0.35)
        desk.can_send, desk.on_send = False, accept
        await asyncio.sleep(100)
        positions.append(desk.part.commit_offset)
        desk.can_send = True
        await asyncio.sleep(1)

    desk = run_scenario(story)

    assert positions == [0]
    assert desk.part.commit_offset == 1
