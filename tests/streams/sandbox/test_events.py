"""Recording of events: limits, duplicates, and metrics."""

import pytest

from streams.sandbox import (
    DuplicateScope,
    Sandbox,
    SandboxConfig,
    UnknownMetricHandling,
)
from tests.streams.sandbox.api import WRONG_REQUEST, Body, ManualClock, SandboxApi
from tests.streams.sandbox.event_requests import (
    ANN,
    bulk_events_request,
    event_request,
    event_resource,
)

BULK = "/api/event-bulk-create-jobs"


def _deep(depth: int) -> Body:
    inner: Body = {}
    for _ in range(depth - 1):
        inner = {"in": inner}
    return inner


@pytest.mark.parametrize(
    ("attributes", "member"),
    [
        pytest.param({}, "", id="plain"),
        pytest.param(
            {"properties": None}, "properties", id="no-properties", marks=WRONG_REQUEST
        ),
        pytest.param(
            {"properties": {str(n): n for n in range(400)}}, "", id="400-properties"
        ),
        pytest.param(
            {"properties": {str(n): n for n in range(401)}}, "properties", id="401"
        ),
        pytest.param({"properties": {"s": "x" * 100_000}}, "", id="long-string"),
        pytest.param({"properties": {"s": "x" * 100_001}}, "properties", id="longer"),
        pytest.param({"properties": {"a": [0] * 4_000}}, "", id="long-array"),
        pytest.param({"properties": {"a": [0] * 4_001}}, "properties", id="array-4001"),
        pytest.param({"properties": _deep(10)}, "", id="ten-deep"),
        pytest.param({"properties": _deep(11)}, "properties", id="eleven-deep"),
        pytest.param({"time": "1990-01-01T00:00:00Z"}, "", id="oldest"),
        pytest.param({"time": "1989-12-31T23:59:59Z"}, "time", id="too-old"),
        pytest.param({"time": "2028-01-14T00:00:00Z"}, "", id="within-a-year"),
        pytest.param({"time": "2028-02-01T00:00:00Z"}, "time", id="too-far-ahead"),
        pytest.param({"time": "yesterday"}, "time", id="no-time", marks=WRONG_REQUEST),
        pytest.param({"value": 9.5, "value_currency": "EUR"}, "", id="value"),
        pytest.param(
            {"value": "9.5"}, "value", id="value-as-text", marks=WRONG_REQUEST
        ),
        pytest.param(
            {"unique_id": 5}, "unique_id", id="unique-id-as-number", marks=WRONG_REQUEST
        ),
        pytest.param({"shoe": 1}, "shoe", id="unknown-member", marks=WRONG_REQUEST),
    ],
)
async def test_the_limits_of_an_event(
    api: SandboxApi, klaviyo: Sandbox, attributes: Body, member: str
) -> None:
    """An event is recorded, or the error points at a member."""
    got = await api.post("/api/events", event_request(**attributes))

    assert got.status == (400 if member else 202)
    assert len(klaviyo.account.events.by_key) == (0 if member else 1)
    if member:
        assert got.pointers == [f"/data/attributes/{member}"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param("x" * 127, 202, id="127"),
        pytest.param("x" * 128, 400, id="128"),
        pytest.param("", 400, id="empty"),
    ],
)
async def test_a_metric_name_has_fewer_than_128_characters(
    api: SandboxApi, name: str, status: int
) -> None:
    """A metric name has at least one character too."""
    assert (await api.post("/api/events", event_request(name))).status == status


async def test_an_event_needs_to_say_whose_it_is(api: SandboxApi) -> None:
    """An event needs at least one profile identifier."""
    got = await api.post("/api/events", event_request(owner={"first_name": "Ann"}))

    pointer = "/data/attributes/profile/data/attributes"
    assert (got.status, got.pointers) == (400, [pointer])


@WRONG_REQUEST
async def test_the_profile_of_an_event_has_attributes(api: SandboxApi) -> None:
    """Klaviyo's OpenAPI requires attributes beside an id too."""
    event = event_request()
    owner = {"type": "profile", "id": await api.create_profile(**ANN)}
    event["data"]["attributes"]["profile"]["data"] = owner

    got = await api.post("/api/events", event)

    pointer = "/data/attributes/profile/data/attributes"
    assert (got.status, got.pointers) == (400, [pointer])


@pytest.mark.parametrize(
    ("first", "second", "recorded"),
    [
        pytest.param({"unique_id": "1"}, {"unique_id": "1"}, 1, id="same-unique-id"),
        pytest.param({"unique_id": "1"}, {"unique_id": "2"}, 2, id="other-unique-id"),
        pytest.param(
            {"unique_id": "1"}, {"unique_id": "1", "metric": "Seen"}, 2, id="metric"
        ),
        pytest.param(
            {"unique_id": "1"},
            {"unique_id": "1", "owner": {"external_id": "bob"}},
            2,
            id="other-profile",
        ),
        pytest.param({}, {}, 1, id="none-same-second"),
        pytest.param(
            {"time": "2026-07-15T00:00:00.1Z"},
            {"time": "2026-07-15T00:00:00.9Z"},
            1,
            id="none-parts-of-one-second",
        ),
        pytest.param(
            {"time": "2026-07-15T00:00:00Z"},
            {"time": "2026-07-15T00:00:01Z"},
            2,
            id="none-next-second",
        ),
    ],
)
async def test_which_events_are_one(
    api: SandboxApi, klaviyo: Sandbox, *, first: Body, second: Body, recorded: int
) -> None:
    """Both requests are accepted; the first processed event is kept."""
    first_result = await api.post("/api/events", event_request(**first, value=1))
    second_result = await api.post("/api/events", event_request(**second, value=2))

    events = list(klaviyo.account.events.by_key.values())
    assert (first_result.status, second_result.status) == (202, 202)
    assert (len(events), events[0].value) == (recorded, 1)
    assert klaviyo.account.events.duplicate_count == 2 - recorded


async def test_a_repeat_in_a_bulk_fails_the_whole_request(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """The request fails even if identifiers differ; no event is processed."""
    await api.create_profile(**ANN, external_id="ann")
    rows = (
        ({"external_id": "bob"}, [event_resource(unique_id="1")]),
        (ANN, [event_resource(unique_id="2"), event_resource(unique_id="1")]),
        (
            {"external_id": "ann"},
            [event_resource("Seen", unique_id="1"), event_resource(unique_id="1")],
        ),
    )

    got = await api.post(BULK, bulk_events_request(*rows))

    start = "/data/attributes/events-bulk-create/data/2/attributes/events/data/1"
    assert (got.status, got.pointers) == (400, [f"{start}/attributes/unique_id"])
    assert len(klaviyo.account.events.by_key) == 0


@pytest.mark.parametrize(
    ("repeats", "status"),
    [
        pytest.param(DuplicateScope.REQUEST, 202, id="within-the-request"),
        pytest.param(DuplicateScope.HISTORY, 400, id="also-what-is-recorded"),
    ],
)
async def test_a_bulk_that_repeats_what_is_recorded(
    clock: ManualClock, repeats: DuplicateScope, status: int
) -> None:
    """Both documented behaviours are available, and no event is recorded twice."""
    config = SandboxConfig(bulk_duplicates=repeats, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        await api.post("/api/events", event_request(unique_id="1"))

        got = await api.post(
            BULK, bulk_events_request((ANN, [event_resource(unique_id="1")]))
        )

        assert got.status == status
        assert len(klaviyo.account.events.by_key) == 1


@pytest.mark.parametrize(
    ("events", "status"),
    [
        pytest.param(1_000, 202, id="a-thousand"),
        pytest.param(1_001, 400, id="one-more"),
    ],
)
async def test_a_bulk_takes_a_thousand_events(
    api: SandboxApi, events: int, status: int
) -> None:
    """The limit counts the events of all profiles together."""
    half = events // 2
    rows = (
        (ANN, [event_resource(unique_id=str(number)) for number in range(half)]),
        (
            {"external_id": "bob"},
            [event_resource(unique_id=str(number)) for number in range(events - half)],
        ),
    )

    assert (await api.post(BULK, bulk_events_request(*rows))).status == status


@pytest.mark.parametrize(
    ("policy", "events", "ignored"),
    [
        pytest.param(UnknownMetricHandling.CREATE, 2, 0, id="create"),
        pytest.param(UnknownMetricHandling.IGNORE, 1, 1, id="ignore"),
    ],
)
async def test_a_metric_that_does_not_exist(
    clock: ManualClock, policy: UnknownMetricHandling, events: int, ignored: int
) -> None:
    """The request is accepted in both modes; metric names are case-sensitive."""
    config = SandboxConfig(unknown_metrics=policy, metrics=("Ordered",), clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        answers = [
            await api.post("/api/events", event_request(name))
            for name in ("Ordered", "ordered")
        ]

        state = klaviyo.account.events
        assert [got.status for got in answers] == [202, 202]
        assert (len(state.by_key), state.ignored_count) == (events, ignored)


async def test_an_event_writes_its_profile(api: SandboxApi, klaviyo: Sandbox) -> None:
    """Identifiers of another profile are not moved."""
    bob = await api.create_profile(external_id="bob")
    owner = {**ANN, "external_id": "bob", "first_name": "Bob"}
    await api.create_profile(**ANN, external_id="ann")

    await api.post("/api/events", event_request(owner=owner))

    profile = klaviyo.account.profiles.by_id[bob]
    assert (profile.fields["first_name"], profile.email) == ("Bob", None)
    assert profile.last_event_s == 1_800_000_000


async def test_accepted_is_not_done(clock: ManualClock) -> None:
    """With `apply_delay_s` an event appears later, with the time of application."""
    config = SandboxConfig(apply_delay_s=10.0, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        await api.post("/api/events", event_request())
        before = len(klaviyo.account.events.by_key)
        clock.now_s += 10

        assert before == 0
        assert len(klaviyo.account.events.by_key) == 1
