"""Stage 3's lanes beside that of lists, each before a sandbox."""

import asyncio

import pytest

from streams.actions.intents import (
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ProfileUpsert,
    Suppression,
)
from streams.klaviyo.operations.list_unsubscribe import JOB_SETTLE_S
from streams.sandbox.account.faults import JOBS_PATH
from streams.settings.model import LaneId
from tests.streams.actions.command_harness import consent
from tests.streams.klaviyo.profile_builders import request_count
from tests.streams.klaviyo.unsubscribe_helpers import (
    ANN,
    BOB,
    is_subscribed,
    subscribe_to_new_list,
)
from tests.support.lane_sandbox import (
    LaneSandboxHarness,
    lane_record,
    now_s,
    run_scenario,
    verdict_reasons,
)

WHO = {"external_id": "u"}
SETTLING_S = JOB_SETTLE_S / 2
"""So long the sandbox takes to make a change of consent."""


def _leaves(list_id: str, email: str = ANN) -> ConsentChange:
    return consent(given=False, list_id=list_id, profile={"email": email})


async def _members(harness: LaneSandboxHarness) -> str:
    """A list that both have joined, some time ago."""
    list_id = await subscribe_to_new_list(
        harness.client, {"email": ANN}, {"email": BOB}
    )
    await asyncio.sleep(JOB_SETTLE_S)
    return list_id


def test_the_next_owner_asks_nobody_to_leave_who_may_be_leaving() -> None:
    """A profile that is asked twice would be unsubscribed from everything."""

    async def scenario(harness: LaneSandboxHarness) -> bool:
        list_id = await _members(harness)
        async with harness.service:
            await harness.enqueue(lane_record(0, _leaves(list_id)))
            await harness.wait_for_outcomes(1)
        async with harness.take_over(LaneId.CONSENT) as successor:
            await successor.enqueue(lane_record(0, _leaves(list_id)))
            await successor.wait_for_outcomes(1)
            outcomes.extend(successor.outcomes())

        await asyncio.sleep(JOB_SETTLE_S)
        return is_subscribed(harness.klaviyo, ANN)

    outcomes: list[tuple[int, str, str]] = []

    subscribed = run_scenario(LaneId.CONSENT, scenario, apply_delay_s=SETTLING_S)

    assert outcomes == [(0, "discarded", "not-on-list")]
    assert subscribed


@pytest.mark.parametrize(
    ("intent", "age_s", "waits_s"),
    [
        pytest.param(_leaves("L"), 0.0, JOB_SETTLE_S, id="leaves-a-list"),
        pytest.param(
            _leaves("L"), 4.0, JOB_SETTLE_S - 4.0, id="leaves-it-a-little-later"
        ),
        pytest.param(_leaves("L"), JOB_SETTLE_S, 0.0, id="leaves-it-long-after"),
        pytest.param(consent(given=False), 0.0, JOB_SETTLE_S, id="leaves-all"),
        pytest.param(consent(given=True), 0.0, JOB_SETTLE_S, id="subscribes"),
        pytest.param(
            consent(given=True, list_id="L"), 0.0, JOB_SETTLE_S, id="joins-a-list"
        ),
        pytest.param(
            Suppression(change="suppress", email=ANN),
            0.0,
            JOB_SETTLE_S,
            id="is-suppressed",
        ),
    ],
)
def test_every_change_of_consent_waits_after_a_take_over(
    intent: Intent, age_s: float, waits_s: float
) -> None:
    """And no longer than until what the owner before asked is done."""

    async def scenario(harness: LaneSandboxHarness) -> float:
        async with harness.take_over(LaneId.CONSENT) as successor:
            await asyncio.sleep(age_s)
            began_s = now_s()
            await successor.enqueue(lane_record(0, intent))
            await successor.wait_for_outcomes(1)
            return now_s() - began_s

    assert run_scenario(LaneId.CONSENT, scenario) == pytest.approx(waits_s, abs=0.5)


def test_two_users_of_one_address_are_not_both_asked_to_leave_a_list() -> None:
    """Before and after a login: the second would be unsubscribed from everything."""

    async def scenario(harness: LaneSandboxHarness) -> bool:
        list_id = await _members(harness)
        async with harness.service:
            await harness.enqueue(lane_record(0, _leaves(list_id), user="anonymous"))
            await asyncio.sleep(1)
            await harness.enqueue(lane_record(1, _leaves(list_id), user="known"))
            await asyncio.sleep(3 * JOB_SETTLE_S)
        ends.extend(harness.outcomes())
        return is_subscribed(harness.klaviyo, ANN)

    ends: list[tuple[int, str, str]] = []

    subscribed = run_scenario(LaneId.CONSENT, scenario, apply_delay_s=SETTLING_S)

    assert ends == [(0, "delivered", ""), (1, "discarded", "not-on-list")]
    assert subscribed


def test_a_user_s_next_change_of_consent_waits_until_the_one_before_is_made() -> None:
    """Klaviyo takes it before it makes it; the second would find a member still."""

    async def scenario(harness: LaneSandboxHarness) -> bool:
        list_id = await _members(harness)
        async with harness.service:
            await harness.enqueue(lane_record(0, _leaves(list_id)))
            await asyncio.sleep(1)
            await harness.enqueue(lane_record(1, _leaves(list_id)))
            await asyncio.sleep(2 * JOB_SETTLE_S)
        ends.extend(harness.outcomes())
        return is_subscribed(harness.klaviyo, ANN)

    ends: list[tuple[int, str, str]] = []

    subscribed = run_scenario(LaneId.CONSENT, scenario, apply_delay_s=SETTLING_S)

    assert ends == [(0, "delivered", ""), (1, "discarded", "not-on-list")]
    assert subscribed


def test_a_change_that_is_waited_for_holds_up_nobody_else() -> None:
    """The record is done, another user's goes, and no capacity is used."""

    async def scenario(harness: LaneSandboxHarness) -> None:
        list_id = await _members(harness)
        async with harness.service:
            async with asyncio.timeout(JOB_SETTLE_S / 2):
                await harness.enqueue(lane_record(0, _leaves(list_id)))
                await harness.enqueue(lane_record(1, _leaves(list_id, BOB), user="b"))
            await asyncio.sleep(1)
            seen.append((harness.outcomes(), harness.part.commit_offset))

    seen: list[tuple[list[tuple[int, str, str]], int | None]] = []

    run_scenario(
        LaneId.CONSENT,
        scenario,
        options={"lane_max_pending_items": 1},
        apply_delay_s=SETTLING_S,
    )

    assert seen == [([(0, "delivered", ""), (1, "delivered", "")], 2)]


@pytest.mark.parametrize(
    ("lane", "intent"),
    [
        pytest.param(
            LaneId.PROFILES,
            ProfileUpsert(profile=WHO, dropped=("bad-phone", "bad-zip")),
            id="upsert",
        ),
        pytest.param(
            LaneId.PROFILES,
            ProfileUpsert(
                profile=WHO, unset=("plan",), dropped=("bad-phone", "bad-zip")
            ),
            id="patch",
        ),
        pytest.param(
            LaneId.EVENTS,
            EventRecord(
                metric="Viewed",
                profile=WHO,
                properties={},
                dropped=("bad-phone", "bad-zip"),
            ),
            id="event",
        ),
        pytest.param(
            LaneId.CONSENT,
            consent(given=True, dropped=("bad-phone", "bad-zip")),
            id="consent",
        ),
    ],
)
def test_what_was_left_out_of_a_payload_reaches_its_verdict(
    lane: LaneId, intent: Intent
) -> None:
    """Beside the verdict of one that lost nothing."""

    async def scenario(harness: LaneSandboxHarness) -> list[tuple[str, str]]:
        return verdict_reasons(await harness.send(intent))

    assert run_scenario(lane, scenario) == [
        ("delivered", "dropped: bad-phone, bad-zip")
    ]


@pytest.mark.parametrize("given", [True, False], ids=["subscribe", "unsubscribe"])
def test_a_list_of_a_mapping_that_is_gone_is_a_dead_letter(given: bool) -> None:
    """A person must mend the mapping; the lane goes on."""

    async def scenario(harness: LaneSandboxHarness) -> list[tuple[str, str]]:
        await subscribe_to_new_list(harness.client, {"email": ANN})
        gone = consent(given=given, list_id="GONE", profile={"email": ANN})
        return verdict_reasons(await harness.send(gone))

    assert run_scenario(LaneId.CONSENT, scenario) == [("dead-letter", "no-such-list")]


@pytest.mark.parametrize(
    ("bulk_min_items", "jobs", "singly"),
    [
        pytest.param(2, 1, 0, id="enough-for-an-import"),
        pytest.param(3, 0, 2, id="too-few-for-one"),
    ],
)
def test_the_settings_say_how_many_profiles_are_imported(
    bulk_min_items: int, jobs: int, singly: int
) -> None:
    """Fewer are set one by one."""

    async def scenario(harness: LaneSandboxHarness) -> tuple[int, int]:
        await harness.send(
            *(ProfileUpsert(profile={"external_id": name}) for name in ("a", "b"))
        )
        posts = request_count(harness.klaviyo, "POST", "/api/profile")
        imports = request_count(harness.klaviyo, "POST", JOBS_PATH)
        return imports, posts - imports

    options = {"bulk_min_items": bulk_min_items}
    assert run_scenario(LaneId.PROFILES, scenario, options=options) == (jobs, singly)


def test_a_deletion_is_done() -> None:
    """Deletions go one by one, whatever waits."""

    async def scenario(
        harness: LaneSandboxHarness,
    ) -> tuple[list[tuple[int, str, str]], bool]:
        await subscribe_to_new_list(harness.client, {"email": ANN}, {"email": BOB})
        async with harness.service:
            await harness.enqueue(
                lane_record(0, Deletion(identifiers={"email": ANN})),
                lane_record(1, Deletion(identifiers={"external_id": "nobody"})),
            )
            await asyncio.sleep(5)
        known = harness.klaviyo.account.profiles.find_owners({"email": ANN})
        return harness.outcomes(), bool(known)

    ends, known = run_scenario(LaneId.PRIVACY, scenario)

    assert [end for _, end, _ in ends] == ["delivered", "discarded"]
    assert not known


@pytest.mark.parametrize("lane", list(LaneId))
def test_every_lane_has_a_room(lane: LaneId) -> None:
    """Named as in the settings."""

    async def scenario(harness: LaneSandboxHarness) -> str:
        await harness.service.on_partition_assigned(0)
        return harness.service.label

    assert run_scenario(lane, scenario) == f"Lane: deliver.{lane}"
