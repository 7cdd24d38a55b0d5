"""Invalid events, duplicates and lost responses affect no other events."""

from typing import Any

import pytest

from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.events import record_events
from streams.sandbox import (
    DuplicateScope,
    Fault,
    FaultKind,
    Sandbox,
    SandboxConfig,
)
from tests.streams.klaviyo.accounts import BULK_EVENTS, sandbox_account
from tests.streams.klaviyo.event_builders import make_event, unique_ids
from tests.streams.klaviyo.fakes import FakeClock
from tests.streams.klaviyo.profile_builders import request_count, verdict_names


async def test_a_duplicate_of_a_rejected_event_is_sent(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A valid event is sent although an earlier event with the key was invalid."""
    wrong = make_event(1, time="2099-01-01T00:00:00Z")

    verdicts = await record_events(client, [wrong, make_event(2), make_event(1)])

    assert verdict_names(verdicts) == ["dead-letter", "delivered", "delivered"]
    assert unique_ids(klaviyo) == ["id-1", "id-2"]


@pytest.mark.parametrize("count", [3, 300])
async def test_events_recorded_before_are_recognised_as_delivered(
    clock: FakeClock, count: int
) -> None:
    """A replay delivers all events and records none twice.

    It does not cost a bulk request an event: the quota would last for hours.
    """
    config = SandboxConfig(
        quota_scale=None, clock_s=clock.read, bulk_duplicates=DuplicateScope.HISTORY
    )
    async with sandbox_account(config, clock) as (klaviyo, client):
        events = [make_event(n) for n in range(count)]
        await record_events(client, events)

        verdicts = await record_events(client, [*events, make_event(count)])

        assert verdict_names(verdicts) == ["delivered"] * (count + 1)
        assert len(unique_ids(klaviyo)) == count + 1
        assert request_count(klaviyo, "POST", BULK_EVENTS) <= 25


async def test_the_same_person_under_two_names_spoils_no_batch(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Only Klaviyo recognises two identifiers as the same person."""
    both = {"external_id": "user-1", "email": "ann@example.com"}
    await record_events(client, [make_event(0, profile=both)])
    by_id = make_event(1, profile={"external_id": "user-1"})
    by_email = make_event(1, profile={"email": "ann@example.com"})

    verdicts = await record_events(client, [by_id, by_email, make_event(2)])

    assert verdict_names(verdicts) == ["delivered"] * 3
    assert unique_ids(klaviyo) == ["id-0", "id-1", "id-2"]


@pytest.mark.parametrize(
    "kind", [FaultKind.CUT, FaultKind.CUT_BEFORE, FaultKind.THROTTLED]
)
@pytest.mark.parametrize("repeats", DuplicateScope)
async def test_events_whose_answer_was_lost_are_recorded_once(
    clock: FakeClock, repeats: DuplicateScope, kind: FaultKind
) -> None:
    """Each event is recorded once, whether or not the first attempt was carried out."""
    config = SandboxConfig(
        quota_scale=None, clock_s=clock.read, bulk_duplicates=repeats
    )
    async with sandbox_account(config, clock) as (klaviyo, client):
        klaviyo.add_fault(Fault(kind=kind, path=BULK_EVENTS, count=1))

        verdicts = await record_events(client, [make_event(n) for n in range(50)])

        assert verdict_names(verdicts) == ["delivered"] * 50
        assert len(unique_ids(klaviyo)) == 50
        assert min(verdict.attempts for verdict in verdicts) >= 2
        assert request_count(klaviyo, "POST", BULK_EVENTS) == 2


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
    """Klaviyo names the event by pointer; only that event is sent separately."""
    events = [make_event(n) for n in range(99)]

    verdicts = await record_events(
        client, [*events[:50], make_event(99, **bad), *events[50:]]
    )

    assert (
        verdict_names(verdicts)
        == ["delivered"] * 50 + ["dead-letter"] + ["delivered"] * 49
    )
    assert verdicts[50].status in {400, 404}
    assert "not an email" not in verdicts[50].reason
    assert len(unique_ids(klaviyo)) == 99
    assert request_count(klaviyo, "POST") == 3


async def test_a_bad_event_leaves_the_others_of_its_profile_alone(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo names the row; single requests show the invalid event of the row."""
    events = [make_event(n, user=0) for n in range(40)]
    events[20] = make_event(20, user=0, time="2099-01-01T00:00:00Z")

    verdicts = await record_events(client, events)

    assert verdict_names(verdicts).index("dead-letter") == 20
    assert verdict_names(verdicts).count("delivered") == 39
    assert len(unique_ids(klaviyo)) == 39
    assert request_count(klaviyo, "POST") == 4


async def test_a_request_that_is_too_large_all_the_same_is_halved(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A 413 leads to bisection until the requests fit."""
    klaviyo.add_fault(
        Fault(kind=FaultKind.SERVER_ERROR, status=413, path=BULK_EVENTS, count=3)
    )

    verdicts = await record_events(client, [make_event(n) for n in range(100)])

    assert verdict_names(verdicts) == ["delivered"] * 100
    assert len(unique_ids(klaviyo)) == 100


async def test_a_visibly_invalid_event_is_a_dead_letter_without_a_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Invalid events are not sent; the other events share a request."""
    bad = make_event(1, properties={"text": "x" * 100_001})
    odd = make_event(2, properties={"odd": {1, 2}})
    huge = make_event(3, properties={"all": [["x" * 90_000] * 60]})

    verdicts = await record_events(
        client, [make_event(0), bad, odd, huge, make_event(4)]
    )

    reasons = [verdict.reason.partition(":")[0] for verdict in verdicts]
    assert reasons == ["", "string-too-long", "not-json", "event-too-large", ""]
    assert verdicts[1].attempts == 0
    assert request_count(klaviyo) == 1
