"""Recording of events, against the sandbox."""

import pytest

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.events import record_events
from streams.sandbox import (
    DuplicateScope,
    Sandbox,
    SandboxConfig,
    UnknownMetricHandling,
)
from tests.streams.klaviyo.accounts import (
    BULK_EVENTS,
    EVENTS,
    recorded_events,
    sandbox_account,
)
from tests.streams.klaviyo.event_builders import make_event, unique_ids
from tests.streams.klaviyo.fakes import START_S, FakeClock
from tests.streams.klaviyo.profile_builders import request_count, verdict_names


async def test_a_thousand_events_take_one_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A thousand events of ten users and one more event need two requests."""
    events = [make_event(n, user=n % 10) for n in range(1_001)]

    verdicts = await record_events(client, events)

    assert verdict_names(verdicts) == ["delivered"] * 1_001
    assert {verdict.attempts for verdict in verdicts} == {1}
    assert len(recorded_events(klaviyo)) == 1_001
    assert request_count(klaviyo, "POST") == 2


async def test_no_request_is_larger_than_five_megabytes(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Requests hold 55 events of 90 KB; none is answered with 413."""
    events = [make_event(n, properties={"text": "x" * 90_000}) for n in range(120)]

    verdicts = await record_events(client, events)

    assert verdict_names(verdicts) == ["delivered"] * 120
    assert request_count(klaviyo) == request_count(klaviyo, "POST", BULK_EVENTS) == 3


async def test_one_event_goes_by_itself_with_all_it_has(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Time, value, currency, backfill and the profile's attributes arrive."""
    event = make_event(
        1,
        profile={"external_id": "user-1", "first_name": "Ann"},
        value=9.5,
        value_currency="EUR",
        backfill=True,
    )

    verdicts = await record_events(client, [event])

    assert verdict_names(verdicts) == ["delivered"]
    (recorded,) = klaviyo.account.events.by_key.values()
    assert (recorded.value, recorded.value_currency, recorded.backfill) == (
        9.5,
        "EUR",
        True,
    )
    assert recorded.properties == {"n": 1}
    assert recorded.time_s == 1_784_107_800
    (profile,) = klaviyo.account.profiles
    assert profile.fields["first_name"] == "Ann"
    assert request_count(klaviyo, "POST", EVENTS) == 1


async def test_events_of_one_profile_go_in_one_row_and_the_last_value_wins(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Different attributes of the same user are merged; the later value wins."""
    early = {"external_id": "a", "title": "Miss", "properties": {"x": 1, "y": 1}}
    late = {"external_id": "a", "title": "Dr", "properties": {"y": 2}}

    await record_events(
        client, [make_event(1, profile=early), make_event(2, profile=late)]
    )

    (profile,) = klaviyo.account.profiles
    assert profile.fields["title"] == "Dr"
    assert profile.properties == {"x": 1, "y": 2}
    assert unique_ids(klaviyo) == ["id-1", "id-2"]


@pytest.mark.parametrize("repeats", DuplicateScope)
async def test_a_duplicate_in_a_batch_is_delivered_once(
    clock: FakeClock, repeats: DuplicateScope
) -> None:
    """The second of two equal events is discarded; another metric is no duplicate."""
    config = SandboxConfig(
        quota_scale=None, clock_s=clock.read, bulk_duplicates=repeats
    )
    async with sandbox_account(config, clock) as (klaviyo, client):
        other = make_event(1, metric="Bought")

        verdicts = await record_events(
            client, [make_event(1), make_event(2), make_event(1), other]
        )

        assert verdict_names(verdicts) == [
            "delivered",
            "delivered",
            "discarded",
            "delivered",
        ]
        assert verdicts[2].reason == "duplicate"
        assert unique_ids(klaviyo) == ["id-1", "id-1", "id-2"]
        assert request_count(klaviyo, "POST") == 1


async def test_a_metric_klaviyo_does_not_have_is_a_dead_letter_where_that_is_policy(
    clock: FakeClock,
) -> None:
    """Names are compared exactly; without the policy both events are sent."""
    config = SandboxConfig(
        quota_scale=None,
        clock_s=clock.read,
        unknown_metrics=UnknownMetricHandling.IGNORE,
        metrics=("Viewed",),
    )
    async with sandbox_account(config, clock) as (klaviyo, client):
        events = [make_event(1), make_event(2, metric="viewed")]

        strict = await record_events(client, events, known_metrics={"Viewed"})
        lenient = await record_events(client, events)

        assert verdict_names(strict) == ["delivered", "dead-letter"]
        assert strict[1] == ItemVerdict(
            verdict=Verdict.DEAD_LETTER, reason="unknown-metric", attempts=0
        )
        assert verdict_names(lenient) == ["delivered", "delivered"]
        assert klaviyo.account.events.ignored_count == 1


async def test_an_event_too_far_ahead_is_seen_when_the_time_is_known(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A clock lets the operation reject the event itself."""
    ahead = make_event(1, time="2029-01-01T00:00:00Z")

    verdicts = await record_events(client, [ahead, make_event(2)], now_s=START_S)

    assert verdicts[0].reason.startswith("time-out-of-range")
    assert unique_ids(klaviyo) == ["id-2"]


async def test_no_events_take_no_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """An empty batch leads to no request."""
    assert await record_events(client, []) == []
    assert request_count(klaviyo) == 0
