"""Events: their limits, their repeats, and reading them."""

from collections.abc import Sequence

import pytest

from streams.sandbox import BulkRepeats, Sandbox, SandboxConfig, UnknownMetrics
from tests.streams.sandbox.api import WRONG, Api, Body, HandClock, data

ANN: Body = {"email": "ann@example.com"}
BULK = "/api/event-bulk-create-jobs"


def _event(metric: str = "Ordered", **attributes: object) -> Body:
    name = {"data": {"type": "metric", "attributes": {"name": metric}}}
    given = {"properties": {"sku": "1"}, "metric": name, **attributes}
    return {"type": "event", "attributes": given}


def _one(metric: str = "Ordered", who: Body = ANN, **attributes: object) -> Body:
    event = _event(metric, **attributes)
    profile = {"data": {"type": "profile", "attributes": who}}
    event["attributes"]["profile"] = profile
    return {"data": event}


def _bulk(*rows: tuple[Body, Sequence[Body]]) -> Body:
    items = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": {"data": {"type": "profile", "attributes": who}},
                "events": {"data": list(events)},
            },
        }
        for who, events in rows
    ]
    return data("event-bulk-create-job", {"events-bulk-create": {"data": items}})


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
            {"properties": None}, "properties", id="no-properties", marks=WRONG
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
        pytest.param({"time": "yesterday"}, "time", id="no-time", marks=WRONG),
        pytest.param({"value": 9.5, "value_currency": "EUR"}, "", id="value"),
        pytest.param({"value": "9.5"}, "value", id="value-as-text", marks=WRONG),
        pytest.param(
            {"unique_id": 5}, "unique_id", id="unique-id-as-number", marks=WRONG
        ),
        pytest.param({"shoe": 1}, "shoe", id="unknown-member", marks=WRONG),
    ],
)
async def test_the_limits_of_an_event(
    api: Api, klaviyo: Sandbox, attributes: Body, member: str
) -> None:
    """Accepted and recorded, or pointed at."""
    got = await api.post("/api/events", _one(**attributes))

    assert got.status == (400 if member else 202)
    assert len(klaviyo.state.events.by_key) == (0 if member else 1)
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
    api: Api, name: str, status: int
) -> None:
    """And at least one."""
    assert (await api.post("/api/events", _one(name))).status == status


async def test_an_event_needs_to_say_whose_it_is(api: Api) -> None:
    """At least one identifier."""
    got = await api.post("/api/events", _one(who={"first_name": "Ann"}))

    pointer = "/data/attributes/profile/data/attributes"
    assert (got.status, got.pointers) == (400, [pointer])


@WRONG
async def test_the_profile_of_an_event_has_attributes(api: Api) -> None:
    """Klaviyo's OpenAPI requires them beside an id too."""
    event = _one()
    who = {"type": "profile", "id": await api.create_profile(**ANN)}
    event["data"]["attributes"]["profile"]["data"] = who

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
            {"unique_id": "1", "who": {"external_id": "bob"}},
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
    api: Api, klaviyo: Sandbox, *, first: Body, second: Body, recorded: int
) -> None:
    """Both are accepted; the first processed is what stays."""
    one = await api.post("/api/events", _one(**first, value=1))
    two = await api.post("/api/events", _one(**second, value=2))

    kept = list(klaviyo.state.events.by_key.values())
    assert (one.status, two.status) == (202, 202)
    assert (len(kept), kept[0].value) == (recorded, 1)
    assert klaviyo.state.events.repeated == 2 - recorded


async def test_a_repeat_in_a_bulk_fails_the_whole_request(
    api: Api, klaviyo: Sandbox
) -> None:
    """Also when the profile is named in another way; nothing is processed."""
    await api.create_profile(**ANN, external_id="ann")
    rows = (
        ({"external_id": "bob"}, [_event(unique_id="1")]),
        (ANN, [_event(unique_id="2"), _event(unique_id="1")]),
        (
            {"external_id": "ann"},
            [_event("Seen", unique_id="1"), _event(unique_id="1")],
        ),
    )

    got = await api.post(BULK, _bulk(*rows))

    start = "/data/attributes/events-bulk-create/data/2/attributes/events/data/1"
    assert (got.status, got.pointers) == (400, [f"{start}/attributes/unique_id"])
    assert len(klaviyo.state.events.by_key) == 0


@pytest.mark.parametrize(
    ("repeats", "status"),
    [
        pytest.param(BulkRepeats.REQUEST, 202, id="within-the-request"),
        pytest.param(BulkRepeats.HISTORY, 400, id="also-what-is-recorded"),
    ],
)
async def test_a_bulk_that_repeats_what_is_recorded(
    clock: HandClock, repeats: BulkRepeats, status: int
) -> None:
    """Klaviyo's papers do not say; both can be had, and neither records twice."""
    config = SandboxConfig(bulk_repeats=repeats, clock_s=clock)
    async with Sandbox(config) as klaviyo, Api(klaviyo.url) as api:
        await api.post("/api/events", _one(unique_id="1"))

        got = await api.post(BULK, _bulk((ANN, [_event(unique_id="1")])))

        assert got.status == status
        assert len(klaviyo.state.events.by_key) == 1


@pytest.mark.parametrize(
    ("events", "status"),
    [
        pytest.param(1_000, 202, id="a-thousand"),
        pytest.param(1_001, 400, id="one-more"),
    ],
)
async def test_a_bulk_takes_a_thousand_events(
    api: Api, events: int, status: int
) -> None:
    """Over all profiles together."""
    half = events // 2
    rows = (
        (ANN, [_event(unique_id=str(number)) for number in range(half)]),
        (
            {"external_id": "bob"},
            [_event(unique_id=str(number)) for number in range(events - half)],
        ),
    )

    assert (await api.post(BULK, _bulk(*rows))).status == status


@pytest.mark.parametrize(
    ("policy", "events", "ignored"),
    [
        pytest.param(UnknownMetrics.CREATE, 2, 0, id="create"),
        pytest.param(UnknownMetrics.IGNORE, 1, 1, id="ignore"),
    ],
)
async def test_a_metric_that_does_not_exist(
    clock: HandClock, policy: UnknownMetrics, events: int, ignored: int
) -> None:
    """Accepted either way; case matters."""
    config = SandboxConfig(unknown_metrics=policy, metrics=("Ordered",), clock_s=clock)
    async with Sandbox(config) as klaviyo, Api(klaviyo.url) as api:
        answers = [
            await api.post("/api/events", _one(name)) for name in ("Ordered", "ordered")
        ]

        state = klaviyo.state.events
        assert [got.status for got in answers] == [202, 202]
        assert (len(state.by_key), state.ignored) == (events, ignored)


async def test_an_event_writes_its_profile(api: Api, klaviyo: Sandbox) -> None:
    """Identifiers of someone else are left where they are."""
    await api.create_profile(external_id="bob")
    who = {**ANN, "external_id": "bob", "first_name": "Ann"}
    ann = await api.create_profile(**ANN)

    await api.post("/api/events", _one(who=who))

    profile = klaviyo.state.profiles.by_id[ann]
    assert (profile.fields["first_name"], profile.external_id) == ("Ann", None)
    assert profile.last_event_s == 1_800_000_000


async def test_accepted_is_not_done(clock: HandClock) -> None:
    """With `settle_s` an event shows up later, at the time it was applied."""
    config = SandboxConfig(settle_s=10.0, clock_s=clock)
    async with Sandbox(config) as klaviyo, Api(klaviyo.url) as api:
        await api.post("/api/events", _one())
        before = len(klaviyo.state.events.by_key)
        clock.now_s += 10

        assert before == 0
        assert len(klaviyo.state.events.by_key) == 1


async def test_events_are_read_newest_first_with_what_they_belong_to(api: Api) -> None:
    """Filter by metric and time; metric and profile come along."""
    for day in (1, 2, 3):
        when = f"2026-07-0{day}T00:00:00Z"
        await api.post("/api/events", _one(time=when, unique_id=str(day), value=day))
    await api.post("/api/events", _one("Seen"))

    got = await api.get(
        "/api/events",
        filter='equals(metric_id,"M00001"),greater-than(datetime,2026-07-01T12:00:00Z)',
        include="metric,profile",
    )

    shown = [one["attributes"]["event_properties"] for one in got.body["data"]]
    assert [one["$event_id"] for one in shown] == ["3", "2"]
    assert [one["$value"] for one in shown] == [3, 2]
    assert [one["type"] for one in got.body["included"]] == ["metric", "profile"]
