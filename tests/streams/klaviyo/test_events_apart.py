"""A bad event, a repeated one and a lost answer spoil no others."""

from typing import Any

import pytest

from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.events import record_events
from streams.sandbox import (
    BulkRepeats,
    Fault,
    FaultKind,
    Sandbox,
    SandboxConfig,
)
from tests.streams.klaviyo.accounts import BULK_EVENTS, account
from tests.streams.klaviyo.fakes import FakeClock
from tests.streams.klaviyo.happenings import event, unique_ids
from tests.streams.klaviyo.people import endings, requested


async def test_a_repeat_of_what_was_refused_gets_its_own_chance(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The first of two is wrong, the second is not: it is no repeat of anything."""
    wrong = event(1, time="2099-01-01T00:00:00Z")

    verdicts = await record_events(client, [wrong, event(2), event(1)])

    assert endings(verdicts) == ["dead-letter", "delivered", "delivered"]
    assert unique_ids(klaviyo) == ["id-1", "id-2"]


@pytest.mark.parametrize("count", [3, 300])
async def test_events_recorded_before_are_recognised_as_delivered(
    clock: FakeClock, count: int
) -> None:
    """A replay where Klaviyo judges repeats against history: all delivered, none twice.

    It does not cost a bulk request an event: the quota would last for hours.
    """
    config = SandboxConfig(
        quota_scale=None, clock_s=clock.read, bulk_repeats=BulkRepeats.HISTORY
    )
    async with account(config, clock) as (klaviyo, client):
        events = [event(n) for n in range(count)]
        await record_events(client, events)

        verdicts = await record_events(client, [*events, event(count)])

        assert endings(verdicts) == ["delivered"] * (count + 1)
        assert len(unique_ids(klaviyo)) == count + 1
        assert requested(klaviyo, "POST", BULK_EVENTS) <= 25


async def test_the_same_person_under_two_names_spoils_no_batch(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Only Klaviyo knows that the two are one, and that the event repeats."""
    both = {"external_id": "user-1", "email": "ann@example.com"}
    await record_events(client, [event(0, profile=both)])
    by_id = event(1, profile={"external_id": "user-1"})
    by_email = event(1, profile={"email": "ann@example.com"})

    verdicts = await record_events(client, [by_id, by_email, event(2)])

    assert endings(verdicts) == ["delivered"] * 3
    assert unique_ids(klaviyo) == ["id-0", "id-1", "id-2"]


@pytest.mark.parametrize(
    "kind", [FaultKind.CUT, FaultKind.CUT_BEFORE, FaultKind.THROTTLED]
)
@pytest.mark.parametrize("repeats", BulkRepeats)
async def test_events_whose_answer_was_lost_are_recorded_once(
    clock: FakeClock, repeats: BulkRepeats, kind: FaultKind
) -> None:
    """Whether or not the first attempt was carried out; attempts are counted."""
    config = SandboxConfig(quota_scale=None, clock_s=clock.read, bulk_repeats=repeats)
    async with account(config, clock) as (klaviyo, client):
        klaviyo.fail(Fault(kind=kind, path=BULK_EVENTS, count=1))

        verdicts = await record_events(client, [event(n) for n in range(50)])

        assert endings(verdicts) == ["delivered"] * 50
        assert len(unique_ids(klaviyo)) == 50
        assert min(verdict.attempts for verdict in verdicts) >= 2
        assert requested(klaviyo, "POST", BULK_EVENTS) == 2


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"profile": {"email": "not an email"}}, id="bad-email"),
        pytest.param({"profile": {"external_id": "x" * 256}}, id="long-external-id"),
        pytest.param({"profile": {"id": "01NOBODY"}}, id="unknown-klaviyo-id"),
        pytest.param({"time": "2099-01-01T00:00:00Z"}, id="far-future"),
    ],
)
async def test_a_bad_event_is_a_dead_letter_alone(
    client: KlaviyoClient, klaviyo: Sandbox, bad: dict[str, Any]
) -> None:
    """Named by pointer, it is sent by itself, refused, and the others are not."""
    events = [event(n) for n in range(99)]

    verdicts = await record_events(
        client, [*events[:50], event(99, **bad), *events[50:]]
    )

    assert (
        endings(verdicts) == ["delivered"] * 50 + ["dead-letter"] + ["delivered"] * 49
    )
    assert verdicts[50].status in {400, 404}
    assert "not an email" not in verdicts[50].reason
    assert len(unique_ids(klaviyo)) == 99
    assert requested(klaviyo, "POST") == 3


async def test_a_bad_event_leaves_the_others_of_its_profile_alone(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo names the row; which of its events it means is found out."""
    events = [event(n, user=0) for n in range(40)]
    events[20] = event(20, user=0, time="2099-01-01T00:00:00Z")

    verdicts = await record_events(client, events)

    assert endings(verdicts).index("dead-letter") == 20
    assert endings(verdicts).count("delivered") == 39
    assert len(unique_ids(klaviyo)) == 39
    assert requested(klaviyo, "POST") == 4


async def test_a_request_that_is_too_large_all_the_same_is_halved(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A 413 splits until it fits."""
    klaviyo.fail(
        Fault(kind=FaultKind.SERVER_ERROR, status=413, path=BULK_EVENTS, count=3)
    )

    verdicts = await record_events(client, [event(n) for n in range(100)])

    assert endings(verdicts) == ["delivered"] * 100
    assert len(unique_ids(klaviyo)) == 100


async def test_what_is_wrong_to_see_is_a_dead_letter_without_a_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Judged here: not sent, and the neighbours go in one request."""
    bad = event(1, properties={"text": "x" * 100_001})
    odd = event(2, properties={"odd": {1, 2}})
    huge = event(3, properties={"all": [["x" * 90_000] * 60]})

    verdicts = await record_events(client, [event(0), bad, odd, huge, event(4)])

    reasons = [verdict.reason.partition(":")[0] for verdict in verdicts]
    assert reasons == ["", "string-too-long", "not-json", "event-too-large", ""]
    assert verdicts[1].attempts == 0
    assert requested(klaviyo) == 1
