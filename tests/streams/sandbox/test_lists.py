"""Lists: creation, renaming, and changes of members."""

import pytest

from streams.sandbox import Sandbox
from tests.streams.sandbox.api import WRONG_REQUEST, Body, SandboxApi, data, ids

_RENAMED = data("list", {"name": "Friends"}, id="L00001")


async def _create_profiles(api: SandboxApi, *, people: int) -> list[str]:
    body = [{"external_id": f"u{number}"} for number in range(people)]
    created: list[str] = (await api.post("/sandbox/profiles", body)).body["ids"]
    return created


async def test_adding_twice_and_removing_twice_changes_once(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Duplicates are accepted; requested and effective changes are counted."""
    fans = await api.create_list("Fans")
    path = f"/api/lists/{fans}/relationships/profiles"
    body = ids("profile", *await _create_profiles(api, people=3))

    statuses = [
        (await api.call(method, path, body=body)).status
        for method in ("POST", "POST", "DELETE", "DELETE")
    ]

    counts = (await api.get("/sandbox/changes")).body
    assert statuses == [204] * 4
    assert counts["total"] == {
        "add_requests": 2,
        "remove_requests": 2,
        "adds": 6,
        "removals": 6,
        "effective_adds": 3,
        "effective_removals": 3,
    }
    assert counts["lists"][fans]["name"] == "Fans"
    assert not klaviyo.account.lists.by_id[fans].members


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_one_unknown_profile_refuses_the_call(
    api: SandboxApi, klaviyo: Sandbox, method: str
) -> None:
    """Each unknown id is a 404 error, and no member is added or removed."""
    await api.post("/sandbox/lists", [{"name": "F", "members": [{"external_id": "a"}]}])
    (ann,) = klaviyo.account.profiles
    bob = await api.create_profile(external_id="bob")

    got = await api.call(
        method,
        "/api/lists/L00001/relationships/profiles",
        body=ids("profile", "gone", ann.id, bob, "lost"),
    )

    assert (got.status, got.error["code"]) == (404, "not_found")
    assert got.pointers == ["/data/0/id", "/data/3/id"]
    assert list(klaviyo.account.lists.by_id["L00001"].members) == [ann.id]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "", None, id="read"),
        pytest.param("PATCH", "", _RENAMED, id="rename"),
        pytest.param("GET", "/profiles", None, id="members"),
        pytest.param("GET", "/relationships/profiles", None, id="member-ids"),
        pytest.param("POST", "/relationships/profiles", {"data": []}, id="add"),
        pytest.param("DELETE", "/relationships/profiles", {"data": []}, id="remove"),
        pytest.param("GET", "/flow-triggers", None, id="flows"),
    ],
)
async def test_an_unknown_list_is_not_found(
    api: SandboxApi, method: str, path: str, body: Body | None
) -> None:
    """A deleted list is unknown too."""
    fans = await api.create_list("Fans")
    await api.call("DELETE", f"/sandbox/lists/{fans}")

    got = await api.call(method, f"/api/lists/{fans}{path}", body=body)

    assert (got.status, got.error["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_call_takes_a_thousand_ids(api: SandboxApi, method: str) -> None:
    """A call with one more id is rejected."""
    fans = await api.create_list("Fans")
    people = await _create_profiles(api, people=1_001)
    path = f"/api/lists/{fans}/relationships/profiles"

    fits = await api.call(method, path, body=ids("profile", *people[:1_000]))
    over = await api.call(method, path, body=ids("profile", *people))

    assert (fits.status, over.status) == (204, 400)


async def test_a_list_is_renamed(api: SandboxApi) -> None:
    """Name and opt-in process change; absent members stay."""
    fans = await api.create_list("Fans", opt_in_process="double_opt_in")

    body = data("list", {"name": "Friends"}, id=fans)
    await api.call("PATCH", f"/api/lists/{fans}", body=body)
    got = await api.get(
        f"/api/lists/{fans}", **{"additional-fields__list": "profile_count"}
    )

    after = got.body["data"]["attributes"]
    assert (after["name"], after["opt_in_process"]) == ("Friends", "double_opt_in")
    assert after["profile_count"] == 0


async def test_members_show_when_they_joined(api: SandboxApi) -> None:
    """Members have profile attributes and `joined_group_at`."""
    await api.post("/sandbox/lists", [{"name": "F", "members": [{"external_id": "a"}]}])

    got = await api.get("/api/lists/L00001/profiles")

    (member,) = got.body["data"]
    assert member["attributes"]["external_id"] == "a"
    assert member["attributes"]["joined_group_at"] == "2027-01-15T08:00:00+00:00"


async def test_a_profile_names_its_lists(api: SandboxApi) -> None:
    """The lists of a profile are available from the profile."""
    fans, _, friends = [await api.create_list(name) for name in "abc"]
    (ann,) = await _create_profiles(api, people=1)
    for list_id in (fans, friends):
        path = f"/api/lists/{list_id}/relationships/profiles"
        await api.post(path, ids("profile", ann))

    got = await api.get(f"/api/profiles/{ann}/relationships/lists")

    assert got.ids == [fans, friends]


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        pytest.param({}, "/data/attributes/name", id="no-name", marks=WRONG_REQUEST),
        pytest.param({"name": " "}, "/data/attributes/name", id="blank"),
        pytest.param(
            {"name": 5}, "/data/attributes/name", id="number", marks=WRONG_REQUEST
        ),
        pytest.param(
            {"name": "F", "opt_in_process": "triple"},
            "/data/attributes/opt_in_process",
            id="opt-in",
            marks=WRONG_REQUEST,
        ),
    ],
)
async def test_a_faulty_list_is_pointed_at(
    api: SandboxApi, attributes: dict[str, object], pointer: str
) -> None:
    """A wrong list is a 400, and no list is created."""
    got = await api.post("/api/lists", data("list", attributes))

    assert (got.status, got.pointers) == (400, [pointer])
