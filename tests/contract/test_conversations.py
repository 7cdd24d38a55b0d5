"""Longer talks of Klaviyo's own client with the sandbox."""

from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException

from streams.sandbox import Fault, FaultKind, Sandbox
from tests.contract.seeded_account import data, ids, profile, seed_account


def _cursor(link: str | None) -> str | None:
    return parse_qs(urlsplit(link).query)["page[cursor]"][0] if link else None


def _seed_members(sandbox: Sandbox, *, members: int) -> str:
    account, now_s = sandbox.account, sandbox.config.clock_s()
    people = [
        account.profiles.create({"email": f"user+{number}@example.com"}, now_s=now_s)
        for number in range(members)
    ]
    made = account.lists.create("Many", opt_in_process="single_opt_in", now_s=now_s)
    account.lists.add_members(made, people, now_s=now_s)
    return made.id


def test_the_sdk_follows_next_to_the_last_member(
    sandbox: Sandbox, sdk: KlaviyoAPI
) -> None:
    """Every member comes once, a hundred a page."""
    list_id = _seed_members(sandbox, members=250)
    member_ids: list[str] = []
    sizes: list[int] = []
    cursor: str | None = ""

    while cursor is not None:
        page = sdk.Lists.get_profile_ids_for_list(
            list_id, page_size=100, **({"page_cursor": cursor} if cursor else {})
        )
        sizes.append(len(page.data))
        member_ids += [member.id for member in page.data]
        cursor = _cursor(page.links.next)

    assert sizes == [100, 100, 50]
    assert member_ids == list(sandbox.account.lists.by_id[list_id].members)


def test_the_sdk_finds_an_address_with_a_plus(
    sandbox: Sandbox, sdk: KlaviyoAPI
) -> None:
    """The filter arrives percent-decoded, once."""
    _seed_members(sandbox, members=3)

    matches = sdk.Profiles.get_profiles(
        filter='any(email,["user+1@example.com","USER+2@example.com","no@x.com"])'
    )

    emails = [match.attributes.email for match in matches.data]
    assert emails == ["user+1@example.com", "user+2@example.com"]


def test_the_sdk_follows_an_import_to_its_errors(
    sandbox: Sandbox, sdk: KlaviyoAPI
) -> None:
    """The SDK submits an import, polls the job and reads the errors."""
    sandbox.add_fault(Fault(kind=FaultKind.IMPORT_ERRORS, items=1, count=1))
    items = [profile(email=f"user{number}@example.com") for number in range(3)]
    job = sdk.Profiles.bulk_import_profiles(
        data("profile-bulk-import-job", {"profiles": {"data": items}})
    ).data.id

    done = sdk.Profiles.get_bulk_import_profiles_job(job).data.attributes
    errors = sdk.Profiles.get_errors_for_bulk_import_profiles_job(job).data

    assert (done.status, done.completed_count, done.failed_count) == ("complete", 2, 1)
    assert errors[0].attributes.original_payload["email"] == "user0@example.com"


def test_the_sdk_sees_who_already_has_an_address(
    sandbox: Sandbox, sdk: KlaviyoAPI
) -> None:
    """A 409 names the profile that is there."""
    seeded = seed_account(sandbox, sdk)

    with pytest.raises(ApiException) as caught:
        sdk.Profiles.create_profile(data("profile", {"email": "ANN+1@example.com"}))

    (error,) = orjson.loads(caught.value.body or "")["errors"]
    assert (error["status"], error["code"]) == (409, "duplicate_profile")
    assert error["meta"]["duplicate_profile_id"] == seeded.profile


def test_the_sdk_adds_and_removes_a_thousand(sandbox: Sandbox, sdk: KlaviyoAPI) -> None:
    """A call with a thousand IDs succeeds for both directions."""
    list_id = _seed_members(sandbox, members=1_000)
    people = [person.id for person in sandbox.account.profiles]

    sdk.Lists.remove_profiles_from_list(list_id, ids("profile", *people))
    empty = len(sandbox.account.lists.by_id[list_id].members)
    sdk.Lists.add_profiles_to_list(list_id, ids("profile", *people))

    assert empty == 0
    assert len(sandbox.account.lists.by_id[list_id].members) == 1_000


def test_the_sdk_retries_what_the_sandbox_throttles(
    sandbox: Sandbox,
) -> None:
    """The SDK's retry understands the sandbox's 429 and Retry-After."""
    sandbox.add_fault(Fault(kind=FaultKind.THROTTLED, retry_after_s=0, count=1))
    sdk = KlaviyoAPI("a-key", max_delay=1, max_retries=3, test_host=sandbox.url)

    assert sdk.Accounts.get_accounts().data

    by_status = {
        counter["status"]: counter["requests"]
        for counter in sandbox.account.request_log.counters()
    }
    assert by_status == {200: 1, 429: 1}
    sdk.api_client.rest_client.pool_manager.clear()
