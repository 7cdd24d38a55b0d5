"""Sorting and filtering, where an index is no help."""

import pytest

from streams.sandbox import Sandbox
from tests.streams.sandbox.api import ManualClock, SandboxApi, data, ids


@pytest.mark.parametrize(
    ("sort", "found"),
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
    api: SandboxApi, clock: ManualClock, sort: str, found: str
) -> None:
    """The cursor goes on where the page ended, in that order."""
    made = {}
    for name in "bcad":
        made[name] = await api.create_profile(email=f"{name}@example.com")
        clock.now_s += 1
    body = data("profile", {"title": "Dr"}, id=made["b"])
    await api.call("PATCH", f"/api/profiles/{made['b']}", body=body)

    pages = await api.pages("/api/profiles", sort=sort, page__size="3")

    emails = [one["attributes"]["email"] for page in pages for one in page.body["data"]]
    assert "".join(email[0] for email in emails) == found


@pytest.mark.parametrize(
    ("text", "found"),
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
    api: SandboxApi, clock: ManualClock, text: str, found: str
) -> None:
    """By address, phone, and when they joined."""
    fans = await api.create_list("Fans")
    path = f"/api/lists/{fans}/relationships/profiles"
    names = {}
    for name, extra in (("a", {}), ("b", {}), ("c", {"phone_number": "+12025550123"})):
        made = await api.create_profile(email=f"{name}@example.com", **extra)
        names[made] = name
        await api.post(path, ids("profile", made))
        clock.now_s += 1

    got = await api.get(path, filter=text)

    assert "".join(names[one] for one in got.ids) == found


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
    """400 about the parameter."""
    await api.create_list("Fans")

    got = await api.get(path, sort="shoe")

    assert (got.status, got.error["source"]) == (400, {"parameter": "sort"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param('equals(integration.name,"API")', 2, id="ours"),
        pytest.param('equals(integration.category,"Ecommerce")', 0, id="another"),
    ],
)
async def test_metrics_are_found_by_integration(
    api: SandboxApi, text: str, found: int
) -> None:
    """All that came through the API are its."""
    await api.post("/sandbox/metrics", ["Ordered", "Seen"])

    got = await api.get("/api/metrics", filter=text)

    assert len(got.ids) == found


async def test_an_unknown_metric_has_no_flows(api: SandboxApi) -> None:
    """404, not an empty answer."""
    got = await api.get("/api/metrics/M99999/flow-triggers")

    assert got.status == 404


async def test_events_and_consent_follow_a_merge_and_end_with_a_deletion(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """What hung on the source hangs on the destination, then on no one."""
    old, ann = [await api.create_profile(external_id=name) for name in ("old", "ann")]
    metric = {"data": {"type": "metric", "attributes": {"name": "Ordered"}}}
    who = {"data": {"type": "profile", "id": old, "attributes": {}}}
    event = {"metric": metric, "profile": who, "properties": {}}
    await api.post("/api/events", data("event", event))
    await api.post("/sandbox/consent", [{"profile_id": old, "sms": "SUBSCRIBED"}])

    relation = {"profiles": ids("profile", old)}
    merge = data("profile-merge", id=ann, relationships=relation)
    await api.post("/api/profile-merge", merge)
    owners = [one.profile_id for one in klaviyo.account.events.by_key.values()]
    standings = list(klaviyo.account.consents.by_profile)
    gone = {"profile": {"data": {"type": "profile", "id": ann, "attributes": {}}}}
    deletion = data("data-privacy-deletion-job", gone)
    await api.post("/api/data-privacy-deletion-jobs", deletion)

    assert (owners, standings) == ([ann], [ann])
    assert (await api.get("/sandbox/events")).body == []
    assert (await api.get("/sandbox/consent")).body == []
