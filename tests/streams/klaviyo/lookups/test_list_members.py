"""Reading all members of a list, against the sandbox."""

import pytest
from aiohttp import web

from streams.errors import EngineError
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.lookups.lists import ListMember, read_list_members
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock, serving_answers
from tests.streams.sandbox.api import SandboxApi

PEOPLE = 250


async def _list(klaviyo: Sandbox) -> str:
    members = [
        {"external_id": f"u-{n}", "email": f"U{n}@Example.com"} for n in range(PEOPLE)
    ]
    members[7] = {"phone_number": "+4930123456"}
    async with SandboxApi(klaviyo.url) as api:
        made = await api.post("/sandbox/lists", [{"name": "vip", "members": members}])
    [list_id] = made.body["ids"]
    return str(list_id)


async def test_all_pages_are_read_with_the_identifiers_of_the_members(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Pages of a hundred hold the identifiers of the members and no other attribute."""
    list_id = await _list(klaviyo)
    progress_calls: list[tuple[int, int]] = []

    list_members = await read_list_members(
        client, list_id, progress=lambda *at: progress_calls.append(at)
    )

    assert isinstance(list_members, list)
    assert [member.identifiers for member in list_members[6:8]] == [
        {"external_id": "u-6", "email": "u6@example.com"},
        {"phone_number": "+4930123456"},
    ]
    assert len({member.profile_id for member in list_members}) == PEOPLE
    assert progress_calls == [(1, 100), (2, 200), (3, PEOPLE)]


async def test_a_list_that_is_gone_is_a_result(client: KlaviyoClient) -> None:
    """A missing list is a result for the operator, and not an error."""
    list_members = await read_list_members(client, "gone", progress=lambda *_: None)

    assert list_members == ListGone(list_id="gone")


async def test_reading_keeps_to_the_quota(clock: FakeClock) -> None:
    """Three pages at four requests a minute take time and cause no 429."""
    config = SandboxConfig(quota_scale=0.004, clock_s=clock.read)
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY,
            clock=clock.as_clock(),
            base_url=klaviyo.url,
            quota_scale=0.004,
        ) as client,
    ):
        list_id = await _list(klaviyo)
        list_members = await read_list_members(
            client, list_id, progress=lambda *_: None
        )
        async with SandboxApi(klaviyo.url) as api:
            log = (await api.get("/sandbox/requests")).body["log"]

    assert isinstance(list_members, list)
    assert len(list_members) == PEOPLE
    assert [entry["status"] for entry in log] == [200] * 3
    assert clock.elapsed_s > 20


async def test_half_a_list_never_passes_for_a_whole_one(clock: FakeClock) -> None:
    """A rejected page ends the reading with an error."""
    first = {
        "data": [{"type": "profile", "id": "P", "attributes": {}}],
        "links": {"next": "https://x/?page%5Bcursor%5D=two"},
    }
    error = {"status": "401", "code": "not_authenticated", "detail": "no"}
    answers = (
        web.json_response(first),
        web.json_response({"errors": [error]}, status=401),
    )

    async with serving_answers(*answers, clock=clock) as (client, _):
        with pytest.raises(EngineError, match="list L1 cannot be read: unauthorized"):
            await read_list_members(
                FailFastClient(client), "L1", progress=lambda *_: None
            )


def test_a_member_s_identifiers_are_those_it_has() -> None:
    """The identifiers of a member come with the most reliable first."""
    member = ListMember(profile_id="P", email="a@x.io", external_id="u")

    assert list(member.identifiers) == ["external_id", "email"]
