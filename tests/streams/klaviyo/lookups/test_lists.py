"""Search and creation of lists, against the sandbox."""

import pytest
from aiohttp import web

from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.pagination import list_exists
from streams.klaviyo.api.results import DailyQuotaExhausted, ListNameRejected
from streams.klaviyo.lookups.lists import create_list, find_list
from streams.sandbox import Fault, FaultKind, Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock, serving_answers


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("VIP", id="plain"),
        pytest.param('The "best" + O\'Brien, [all] & \\ more', id="every-quote"),
        pytest.param("Größe 日本", id="not-ascii"),
    ],
)
async def test_a_list_is_found_by_its_exact_name(
    client: KlaviyoClient, name: str
) -> None:
    """Names that differ in case or spaces do not match."""
    await create_list(client, name.lower() + " ")
    list_id = await create_list(client, name)

    found_id = await find_list(client, name)

    assert found_id == list_id
    assert await find_list(client, name + "!") is None


async def test_of_several_lists_the_oldest_is_found(
    client: KlaviyoClient, clock: FakeClock
) -> None:
    """Among twenty-five lists with the same name on three pages, the oldest matches."""
    oldest = await create_list(client, "VIP")
    for _ in range(24):
        clock.now_s += 1
        await create_list(client, "VIP")

    assert await find_list(client, "VIP") == oldest


async def test_an_exhausted_daily_quota_is_a_result_with_its_wait(
    clock: FakeClock,
) -> None:
    """Searching lists still works after the daily quota is exhausted."""
    config = SandboxConfig(quota_scale=None, lists_per_day=1, clock_s=clock.read)
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url
        ) as client,
    ):
        first = await create_list(client, "one")
        second = await create_list(client, "two")
        third = await create_list(client, "two")
        found_id = await find_list(client, "one")

    assert isinstance(second, DailyQuotaExhausted)
    assert isinstance(third, DailyQuotaExhausted)
    assert 60 < second.retry_after_s <= 86_400
    assert found_id == first
    assert clock.elapsed_s < 60


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.CUT_BEFORE])
async def test_a_creation_without_an_answer_creates_one_list(
    client: KlaviyoClient, klaviyo: Sandbox, kind: FaultKind
) -> None:
    """After a lost response the list is searched before the request is sent again."""
    klaviyo.add_fault(Fault(kind=kind, method="POST", path="/api/lists", count=1))

    created = await create_list(client, "VIP")

    assert list(klaviyo.account.lists.by_id) == [created]


async def test_a_short_throttle_and_a_bad_key_are_waited_out(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Only the exhausted daily quota is returned to the caller."""
    klaviyo.add_fault(Fault(kind=FaultKind.THROTTLED, method="POST", count=2))
    klaviyo.add_fault(Fault(kind=FaultKind.UNAUTHORIZED, method="POST", count=2))

    assert isinstance(await create_list(client, "VIP"), str)


async def test_a_name_klaviyo_refuses_is_a_value(client: KlaviyoClient) -> None:
    """An invalid list name is a result and not an error."""
    refused = await create_list(client, "")

    assert isinstance(refused, ListNameRejected)
    assert refused.status == 400


@pytest.mark.parametrize("list_id", ["nope", "no/pe", "a?b#c", "%2e"])
async def test_whether_a_list_exists_can_be_asked(
    client: KlaviyoClient, list_id: str
) -> None:
    """The check works for ids with any characters."""
    made = await create_list(client, "VIP")

    assert isinstance(made, str)
    assert await list_exists(client, made)
    assert not await list_exists(client, list_id)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([("1", "vip", "2020")], None, id="another-case"),
        pytest.param([("1", "VIP ", "2020")], None, id="a-space-more"),
        pytest.param(
            [("1", "VIP", "2022"), ("2", "VIP", "2021")], "2", id="oldest-not-first"
        ),
        pytest.param(
            [("2", "VIP", "2021"), ("1", "VIP", "2021")], "1", id="same-age-by-id"
        ),
        pytest.param([("", "VIP", "2021")], None, id="no-id"),
        pytest.param([], None, id="none"),
    ],
)
async def test_the_servers_idea_of_a_name_is_not_trusted(
    clock: FakeClock, rows: list[tuple[str, str, str]], expected: str | None
) -> None:
    """A loose filter and an unordered listing still give the exact, oldest list."""
    data = [
        {"id": list_id, "attributes": {"name": name, "created": created}}
        for list_id, name, created in rows
    ]

    async with serving_answers(web.json_response({"data": data}), clock=clock) as (
        client,
        _,
    ):
        assert await find_list(client, "VIP") == expected
