"""Sorting and filtering without an index."""

import pytest

from streams.sandbox import Sandbox
from tests.streams.sandbox.api import ManualClock, SandboxApi, data, ids
from tests.streams.sandbox.event_requests import event_request


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        pytest.param("id", "bcad", id="as-created"),
        pytest.param("-id", "dacb", id="newest-id"),
        pytest.param("email", "abcd", id="by-address"),
        pytest.param("-email", "dcba", id="by-address-down"),
        pytest.param("-created", "dacb", id="newest"),
        pytest.param("updated", "cadb", id="longest-unchanged"),
    ],
)
async def test_profiles_are_sorted_through_all_pages(
    api: SandboxApi, clock: ManualClock, sort: str, order: str
) -> None:
    """The order continues across pages."""
    created = {}
    for name in "bcad":
        created[name] = await api.create_profile(email=f"{name}@example.com")
        clock.now_s += 1
    body = data("profile", {"title": "Dr"}, id=created["b"])
    await api.call("PATCH", f"/api/profiles/{created['b']}", body=body)

    pages = await api.pages("/api/profiles", sort=sort, page__size="3")

    emails = [one["attributes"]["email"] for page in pages for one in page.body["data"]]
    assert "".join(email[0] for email in emails) == order


@pytest.mark.parametrize(
    ("text", "expected_names"),
    [
        pytest.param('any(email,["B@example.com","x@x.xx"])', "b", id="address"),
        pytest.param('equals(phone_number,"+12025550123")', "c", id="phone"),
        pytest.param(
            "greater-than(joined_group_at,2027-01-15T08:00:00Z)", "bc", id=">"
        ),
        pytest.param(
            "less-or-equal(joined_group_at,2027-01-15T08:00:00Z)", "a", id="<="
        ),
    ],
)
async def test_members_are_found(
    api: SandboxApi, clock: ManualClock, text: str, expected_names: str
) -> None:
    """Members are found by address, phone and time of joining."""
    fans = await api.create_list("Fans")
    path = f"/api/lists/{fans}/relationships/profiles"
    names = {}
    for name, extra in (("a", {}), ("b", {}), ("c", {"phone_number": "+12025550123"})):
        created = await api.create_profile(email=f"{name}@example.com", **extra)
        names[created] = name
        await api.post(path, ids("profile", created))
        clock.now_s += 1

    got = await api.get(path, filter=text)

    assert "".join(names[one] for one in got.ids) == expected_names


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/api/profiles", id="profiles"),
        pytest.param("/api/lists", id="lists"),
        pytest.param("/api/lists/L00001/profiles", id="members"),
        pytest.param("/api/profile-bulk-import-jobs", id="jobs"),
        pytest.param("/api/events", id="events"),
    ],
)
async def test_an_unknown_sort_is_refused(api: SandboxApi, path: str) -> None:
    """An unknown sort is a 400 about the parameter."""
    await api.create_list("Fans")

    got = await api.get(path, sort="shoe")

    assert (got.status, got.error["source"]) == (400, {"parameter": "sort"})


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param('equals(integration.name,"API")', 2, id="ours"),
        pytest.param('equals(integration.category,"Ecommerce")', 0, id="another"),
    ],
)
async def test_metrics_are_found_by_integration(
    api: SandboxApi, text: str, count: int
) -> None:
    """All metrics created through the API belong to the API integration."""
    await api.post("/sandbox/metrics", ["Ordered", "Seen"])

    got = await api.get("/api/metrics", filter=text)

    assert len(got.ids) == count


async def test_an_unknown_metric_has_no_flows(api: SandboxApi) -> None:
    """An unknown metric is a 404, not an empty response."""
    got = await api.get("/api/metrics/M99999/flow-triggers")

    assert got.status == 404


async def test_events_and_consent_follow_a_merge_and_end_with_a_deletion(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Events and consent of the source move to the target, then are deleted."""
    old, ann = [await api.create_profile(external_id=name) for name in ("old", "ann")]
    metric = {"data": {"type": "metric", "attributes": {"name": "Ordered"}}}
    who = {"data": {"type": "profile", "id": old, "attributes": {}}}
    event = {"metric": metric, "profile": who, "properties": {}}
    await api.post("/api/events", data("event", event))
    await api.post("/sandbox/consent", [{"profile_id": old, "sms": "SUBSCRIBED"}])

    relation = {"profiles": ids("profile", old)}
    merge = data("profile-merge", id=ann, relationships=relation)
    await api.post("/api/profile-merge", merge)
    clock.now_s += 5
    owners = [one.profile_id for one in klaviyo.account.events.by_key.values()]
    standings = list(klaviyo.account.consents.by_profile)
    gone = {"profile": {"data": {"type": "profile", "id": ann, "attributes": {}}}}
    deletion = data("data-privacy-deletion-job", gone)
    await api.post("/api/data-privacy-deletion-jobs", deletion)

    assert (owners, standings) == ([ann, ann], [ann])  # and the event of the merge
    assert (await api.get("/sandbox/events")).body == []
    assert (await api.get("/sandbox/consent")).body == []


async def test_events_are_read_newest_first_with_what_they_belong_to(
    api: SandboxApi,
) -> None:
    """Events are filtered by metric and time, and include metric and profile."""
    for day in (1, 2, 3):
        when = f"2026-07-0{day}T00:00:00Z"
        await api.post(
            "/api/events", event_request(time=when, unique_id=str(day), value=day)
        )
    await api.post("/api/events", event_request("Seen"))

    got = await api.get(
        "/api/events",
        filter='equals(metric_id,"M00001"),greater-than(datetime,2026-07-01T12:00:00Z)',
        include="metric,profile",
    )

    shown = [one["attributes"]["event_properties"] for one in got.body["data"]]
    assert [one["$event_id"] for one in shown] == ["3", "2"]
    assert [one["$value"] for one in shown] == [3, 2]
    assert [one["type"] for one in got.body["included"]] == ["metric", "profile"]
