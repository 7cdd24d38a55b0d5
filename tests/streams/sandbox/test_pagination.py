"""Pages, page sizes, and cursors that survive changes."""

import pytest

from streams.sandbox import Sandbox
from tests.streams.sandbox.api import SandboxApi, ids


async def _create_fans(api: SandboxApi, *, members: int) -> list[str]:
    people = [{"email": f"u{number}@example.com"} for number in range(members)]
    await api.post("/sandbox/lists", [{"name": "Fans", "members": people}])
    listed = (await api.get("/sandbox/lists")).body[0]["members"]
    return [member["profile_id"] for member in listed]


@pytest.mark.parametrize(
    ("path", "default", "maximum"),
    [
        pytest.param("/api/lists", 10, 10, id="lists"),
        pytest.param("/api/profiles", 20, 100, id="profiles"),
        pytest.param("/api/lists/L00001/relationships/profiles", 20, 100, id="ids"),
        pytest.param("/api/lists/L00001/profiles", 20, 100, id="members"),
    ],
)
async def test_page_sizes(
    api: SandboxApi, path: str, default: int, maximum: int
) -> None:
    """The default size, the maximum, and one more than the maximum."""
    await _create_fans(api, members=120)
    for number in range(12):
        await api.create_list(str(number))

    plain = await api.get(path)
    largest = await api.get(path, page__size=str(maximum))
    over = await api.get(path, page__size=str(maximum + 1))

    assert (len(plain.ids), len(largest.ids)) == (default, maximum)
    assert (over.status, over.error["source"]) == (400, {"parameter": "page[size]"})


@pytest.mark.parametrize("size", ["0", "-1", "ten"])
async def test_a_page_size_that_is_none_is_refused(api: SandboxApi, size: str) -> None:
    """An invalid page size is a 400 about the parameter."""
    got = await api.get("/api/profiles", page__size=size)

    assert (got.status, got.error["source"]) == (400, {"parameter": "page[size]"})


@pytest.mark.parametrize("cursor", ["nonsense", "W10=x", "WyJhIl0="])
async def test_a_foreign_cursor_is_refused(api: SandboxApi, cursor: str) -> None:
    """A cursor of another operation is a 400, never a crash."""
    await _create_fans(api, members=3)

    got = await api.get("/api/lists/L00001/profiles", page__cursor=cursor)

    assert (got.status, got.error["source"]) == (400, {"parameter": "page[cursor]"})


@pytest.mark.parametrize("sort", ["joined_group_at", "-joined_group_at"])
async def test_next_leads_through_all_members_once(api: SandboxApi, sort: str) -> None:
    """The link to the next page keeps filter, sort and size."""
    members = await _create_fans(api, members=250)

    pages = await api.pages(
        "/api/lists/L00001/relationships/profiles", page__size="100", sort=sort
    )

    member_ids = [member_id for page in pages for member_id in page.ids]
    assert [len(page.ids) for page in pages] == [100, 100, 50]
    assert member_ids == (members if sort[0] != "-" else members[::-1])


async def test_a_removal_between_two_pages_hides_no_one(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """The cursor contains a position, not a count."""
    members = await _create_fans(api, members=40)
    path = "/api/lists/L00001/relationships/profiles"
    first = await api.get(path)
    await api.call("DELETE", path, body=ids("profile", *first.ids))

    second = await api.call("GET", first.body["links"]["next"])

    assert second.ids == members[20:]
    assert second.body["links"]["next"] is None
    assert klaviyo.account.lists.by_id["L00001"].changes.effective_removals == 20


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        pytest.param("name", ["A", "B", "B", "C"], id="up"),
        pytest.param("-name", ["C", "B", "B", "A"], id="down"),
        pytest.param("-created", ["B", "A", "C", "B"], id="newest"),
    ],
)
async def test_lists_are_sorted(api: SandboxApi, sort: str, names: list[str]) -> None:
    """Lists with equal keys are sorted by age."""
    for name in ("B", "C", "A", "B"):
        await api.create_list(name)

    got = await api.get("/api/lists", sort=sort)

    assert [one["attributes"]["name"] for one in got.body["data"]] == names


async def test_fields_are_cut_to_those_asked_for(api: SandboxApi) -> None:
    """`fields[profile]=email` limits the attributes."""
    await _create_fans(api, members=1)

    got = await api.get("/api/profiles", fields__profile="email")

    assert got.body["data"][0]["attributes"] == {"email": "u0@example.com"}
