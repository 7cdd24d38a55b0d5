"""Removals of list members, against the sandbox."""

from collections.abc import Callable

import pytest

from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.endpoints import GET_PROFILES
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.results import FinalResult
from streams.klaviyo.operations.profiles import add_members, remove_members
from streams.sandbox import Fault, FaultKind, Sandbox
from tests.streams.klaviyo.profile_builders import (
    make_profiles,
    member_external_ids,
    new_list,
    request_count,
    verdict_names,
)

_MEMBERS = "/api/lists/.*/relationships/profiles"


class Meddler:
    """Client that runs a callback during the first lookup.

    Args:
        client: Does the work.
        after_lookup: What happens.
    """

    def __init__(
        self, client: KlaviyoClient, *, after_lookup: Callable[[], None]
    ) -> None:
        self._client = client
        self._meddle: Callable[[], None] | None = after_lookup
        self.jobs = client.jobs
        self.attempt, self.back_off, self.pause = (
            client.attempt,
            client.back_off,
            client.pause,
        )

    async def call(self, request: Request) -> FinalResult:
        """Send a request, and run the callback after the first lookup."""
        answer = await self._client.call(request)
        if request.endpoint is GET_PROFILES and self._meddle is not None:
            self._meddle()
            self._meddle = None
        return answer


async def test_removing_1_001_members_takes_thirteen_requests(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Lookups hold a hundred members, and removals hold a thousand."""
    list_id = await new_list(client)
    await add_members(client, list_id, make_profiles(1_100))
    before = request_count(klaviyo)

    verdicts = await remove_members(client, list_id, make_profiles(1_001))

    assert verdict_names(verdicts) == ["delivered"] * 1_001
    assert len(member_external_ids(klaviyo, list_id)) == 99
    assert request_count(klaviyo) - before == 11 + 2


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param({"email": "jane+news@example.com"}, id="plus-in-email"),
        pytest.param({"email": "o'brien@example.com"}, id="apostrophe-in-email"),
        pytest.param({"email": "Jane.Doe@Example.COM"}, id="capitals-in-email"),
        pytest.param({"external_id": 'say "hi"'}, id="quotes"),
        pytest.param({"external_id": "back\\slash\\"}, id="backslashes"),
        pytest.param({"external_id": 'a",b]),equals(id,"c'}, id="filter-injection"),
        pytest.param({"external_id": "a&b=c#d?e/f%2B g"}, id="url-characters"),
        pytest.param({"external_id": "日本語-ß"}, id="not-ascii"),
        pytest.param({"phone_number": "+15005550006"}, id="phone-number"),
    ],
)
async def test_odd_identifiers_are_found_and_removed(
    client: KlaviyoClient, klaviyo: Sandbox, profile: dict[str, object]
) -> None:
    """Special characters in an identifier select exactly its own profile."""
    list_id = await new_list(client)
    await add_members(client, list_id, [profile, *make_profiles(5)])

    verdicts = await remove_members(client, list_id, [profile])

    assert verdict_names(verdicts) == ["delivered"]
    assert member_external_ids(klaviyo, list_id) == {f"user-{n}" for n in range(5)}


async def test_the_next_identifier_is_asked_only_when_the_first_finds_nothing(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The external id is looked up first, then the email address."""
    list_id = await new_list(client)
    await add_members(
        client, list_id, [{"email": "user+0@example.com"}, make_profiles(2)[1]]
    )
    before = request_count(klaviyo, "GET", "/api/profiles")

    verdicts = await remove_members(client, list_id, make_profiles(2))

    assert verdict_names(verdicts) == ["delivered", "delivered"]
    assert request_count(klaviyo, "GET", "/api/profiles") - before == 2


async def test_an_unknown_profile_is_discarded(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """An unknown profile is discarded and is no failure."""
    list_id = await new_list(client)
    await add_members(client, list_id, make_profiles(1))

    verdicts = await remove_members(
        client, list_id, [*make_profiles(1), {"email": "x@y.io"}]
    )

    assert verdict_names(verdicts) == ["delivered", "discarded"]
    assert isinstance(verdicts, list)
    assert verdicts[1].reason == "no-such-profile"
    assert member_external_ids(klaviyo, list_id) == set()


async def test_an_odd_identifier_in_a_lookup_spoils_no_neighbour(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Unknown profiles are discarded, and the other profiles are removed."""
    list_id = await new_list(client)
    await add_members(client, list_id, make_profiles(200))
    odd: dict[str, object] = {"email": "not an email"}

    verdicts = await remove_members(client, list_id, [odd, *make_profiles(200)])

    assert verdict_names(verdicts)[1:] == ["delivered"] * 200
    assert member_external_ids(klaviyo, list_id) == set()


async def test_a_merged_profile_is_looked_up_again(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """An id that became stale after the lookup delays no other removal."""
    list_id = await new_list(client)
    await add_members(client, list_id, make_profiles(5))
    lost = klaviyo.account.profiles.by_external_id["user-3"]
    meddler = Meddler(client, after_lookup=lambda: klaviyo.account.remove_profile(lost))

    verdicts = await remove_members(meddler, list_id, make_profiles(5))

    assert verdict_names(verdicts) == ["delivered"] * 3 + ["discarded", "delivered"]


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.CUT_BEFORE])
async def test_a_removal_without_an_answer_is_sent_again(
    client: KlaviyoClient, klaviyo: Sandbox, kind: FaultKind
) -> None:
    """The removal is repeated whether or not the first attempt was carried out."""
    list_id = await new_list(client)
    await add_members(client, list_id, make_profiles(10))
    klaviyo.add_fault(Fault(kind=kind, method="DELETE", path=_MEMBERS, count=1))

    verdicts = await remove_members(client, list_id, make_profiles(10))

    assert verdict_names(verdicts) == ["delivered"] * 10
    assert request_count(klaviyo, "DELETE") == 2
    assert member_external_ids(klaviyo, list_id) == set()
