"""Pages under `/sandbox/`: inspecting, seeding and resetting the sandbox."""

import pytest

from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.sandbox.api import ManualClock, SandboxApi, data, import_job

FANS = {
    "name": "Fans",
    "members": [{"email": "ann@example.com"}, {"external_id": "bob"}],
}


async def test_thousands_are_seeded_in_one_request(api: SandboxApi) -> None:
    """Seeding uses no quota and no job, and counts no change."""
    people = [{"external_id": f"u{number}"} for number in range(5_000)]

    await api.post("/sandbox/lists", [{"name": "Many", "members": people}, FANS])

    state = (await api.get("/sandbox/state")).body
    counts = (await api.get("/sandbox/changes")).body["total"]
    assert (state["profiles"], state["lists"], state["members"]) == (5_002, 2, 5_002)
    assert set(counts.values()) == {0}


async def test_lists_are_shown_with_their_members(api: SandboxApi) -> None:
    """The members have enough attributes for comparison with expected members."""
    await api.post("/sandbox/lists", [FANS, {"name": "Empty"}])

    got = await api.get("/sandbox/lists", name="Fans")

    (shown,) = got.body
    assert shown["name"] == "Fans"
    assert [
        (member["email"], member["external_id"]) for member in shown["members"]
    ] == [
        ("ann@example.com", None),
        (None, "bob"),
    ]


async def test_requests_are_logged_and_counted(api: SandboxApi) -> None:
    """Requests and items are counted by method, path template and status."""
    await api.create_list("Fans")
    people = ({"external_id": f"u{number}"} for number in range(3))
    await api.post("/api/profile-bulk-import-jobs", import_job(*people))
    await api.get("/api/lists/L99999")

    got = (await api.get("/sandbox/requests")).body

    counters = [tuple(counter.values()) for counter in got["counters"]]
    assert counters == [
        ("GET", "/api/lists/{id}", 404, 1, 0),
        ("POST", "/api/lists", 201, 1, 1),
        ("POST", "/api/profile-bulk-import-jobs", 202, 1, 3),
    ]
    assert [entry["path"] for entry in got["log"]] == [
        "/api/lists",
        "/api/profile-bulk-import-jobs",
        "/api/lists/L99999",
    ]


async def test_the_log_is_bounded_and_the_counters_are_not(clock: ManualClock) -> None:
    """A benchmark cannot fill the memory."""
    config = SandboxConfig(log_size=2, quota_scale=None, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        for _ in range(5):
            await api.get("/api/lists")

        assert len(klaviyo.account.request_log.entries) == 2
        assert klaviyo.account.request_log.request_counts["GET", "/api/lists", 200] == 5


async def test_reset_forgets_everything_but_used_ids(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """An id from before a reset stays unknown."""
    before = await api.create_list("Fans")
    await api.post("/sandbox/faults", {"kind": "challenge"})
    await api.post("/sandbox/profiles", [{"external_id": "bob"}])

    await api.post("/sandbox/reset")
    state = (await api.get("/sandbox/state")).body

    assert set(state.values()) == {0}
    assert await api.create_list("Fans") != before
    assert [entry.status for entry in klaviyo.account.request_log.entries] == [201]


async def test_flows_are_seeded_and_found_by_their_trigger(api: SandboxApi) -> None:
    """A preflight check can find the flows of a list or metric."""
    fans = await api.create_list("Fans")
    (metric,) = (await api.post("/sandbox/metrics", ["Ordered"])).body["ids"]
    await api.post(
        "/sandbox/flows",
        [{"name": "Hi", "list_id": fans}, {"name": "Thanks", "metric_id": metric}],
    )

    of_list = await api.get(f"/api/lists/{fans}/flow-triggers")
    of_metric = await api.get(f"/api/metrics/{metric}/flow-triggers")

    names = [got.body["data"][0]["attributes"]["name"] for got in (of_list, of_metric)]
    assert names == ["Hi", "Thanks"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("profiles", [{"email": "nope"}], id="faulty-profile"),
        pytest.param("profiles", {"email": "a@b.cc"}, id="no-list"),
        pytest.param("consent", [{"profile_id": "x"}], id="unknown-profile"),
        pytest.param("confirm", {"profile_id": "x"}, id="no-one-to-confirm"),
        pytest.param("flows", [{"name": "Hi"}], id="flow-without-trigger"),
        pytest.param("lists", b"{", id="no-json"),
    ],
)
async def test_a_faulty_order_is_refused(
    api: SandboxApi, path: str, body: object
) -> None:
    """A wrong request gets a 400 and has no effect."""
    got = await api.post(f"/sandbox/{path}", body)

    assert got.status == 400
    assert (await api.get("/sandbox/state")).body["profiles"] == 0


async def test_everything_can_be_looked_at(api: SandboxApi) -> None:
    """Each page shows the data that was seeded."""
    (ann,) = (await api.post("/sandbox/profiles", [FANS["members"][0]])).body["ids"]
    await api.post("/sandbox/consent", [{"profile_id": ann, "sms": "SUBSCRIBED"}])
    metric = {"data": {"type": "metric", "attributes": {"name": "Ordered"}}}
    profile = {"data": {"type": "profile", "id": ann, "attributes": {}}}
    event = {"properties": {"sku": "1"}, "metric": metric, "profile": profile}
    await api.post("/api/events", data("event", event))

    profiles = (await api.get("/sandbox/profiles")).body
    consent = (await api.get("/sandbox/consent")).body
    events = (await api.get("/sandbox/events")).body

    assert [one["email"] for one in profiles] == ["ann@example.com"]
    assert consent[0]["consents"]["sms/marketing"]["status"] == "SUBSCRIBED"
    assert [(one["metric"], one["properties"]) for one in events] == [
        ("Ordered", {"sku": "1"})
    ]
