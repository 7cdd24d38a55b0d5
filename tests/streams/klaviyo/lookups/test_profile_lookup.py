"""Lookups: whose is a row, and what happens when Klaviyo refuses one."""

from collections.abc import Mapping

import pytest
from aiohttp import web

from streams.errors import EngineError
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.batching.items import ProfileItem
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.lookups.profile_lookup import (
    find_profile_ids,
    match_profiles,
    users_with_profile,
)
from streams.sandbox import Sandbox
from tests.streams.klaviyo.fakes import KEY, FakeClock, FakeServer
from tests.streams.sandbox.api import SandboxApi


def row(profile_id: str, **attributes: str) -> dict[str, object]:
    """Write a profile of an answer."""
    return {"type": "profile", "id": profile_id, "attributes": attributes}


@pytest.mark.parametrize(
    ("field", "values", "rows", "ids"),
    [
        pytest.param(
            "email", ["a", "b"], [row("1", email="b")], {"b": ["1"]}, id="one"
        ),
        pytest.param(
            "email", ["a@x", "b"], [row("1", email="A@X")], {"a@x": ["1"]}, id="case"
        ),
        pytest.param(
            "external_id",
            ["a", "b"],
            [row("1", external_id="a"), row("2", external_id="a")],
            {"a": ["1", "2"]},
            id="two-profiles-of-one",
        ),
        pytest.param(
            "external_id", ["a", "b"], [row("1", external_id="A")], None, id="stray"
        ),
        pytest.param(
            "phone_number",
            ["+1 500"],
            [row("1", phone_number="+1500")],
            {"+1 500": ["1"]},
            id="written-otherwise-but-alone",
        ),
        pytest.param(
            "phone_number",
            ["+1 500"],
            [row("1", phone_number="+1500"), row("2", phone_number="+2")],
            None,
            id="alone-but-two-answers",
        ),
        pytest.param("email", ["a"], [], {}, id="none"),
    ],
)
def test_a_profile_belongs_to_the_value_it_was_found_by(
    field: str,
    values: list[str],
    rows: list[Mapping[str, object]],
    ids: dict[str, list[str]] | None,
) -> None:
    """Or it is not clear whose it is."""
    assert match_profiles(field, values, rows) == ids


async def test_an_identifier_klaviyo_refuses_is_isolated(clock: FakeClock) -> None:
    """A 400 about the whole filter: bisected, the others are found."""

    async def handler(request: web.Request) -> web.StreamResponse:
        values = request.query["filter"].split('"')[1::2]
        if "odd" in values:
            error = {"code": "invalid", "source": {"parameter": "filter"}}
            return web.json_response({"errors": [error]}, status=400)
        return web.json_response(
            {"data": [row(f"01-{value}", external_id=value) for value in values]}
        )

    names = ["odd", *(f"user-{n}" for n in range(30))]
    items = [
        ProfileItem(index=n, profile={"external_id": x}) for n, x in enumerate(names)
    ]
    ledger = VerdictCollector(len(items))
    async with (
        FakeServer(handler) as server,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=server.url
        ) as client,
    ):
        ids = await find_profile_ids(client, items, collector=ledger)

    assert ids == {n: [f"01-{name}"] for n, name in enumerate(names) if n}
    assert not ledger.is_pending(0)
    assert len(server.requests) <= 11


async def test_long_identifiers_make_shorter_lookups(clock: FakeClock) -> None:
    """No target is longer than every server must take."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"data": []})

    items = [
        ProfileItem(index=n, profile={"external_id": f"{n:03d}" + '"' * 252})
        for n in range(100)
    ]
    async with (
        FakeServer(handler) as server,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=server.url
        ) as client,
    ):
        await find_profile_ids(client, items, collector=VerdictCollector(100))

    assert max(len(request.raw_path) for request in server.requests) <= 8_000


async def test_rows_written_otherwise_are_asked_for_one_by_one(
    clock: FakeClock,
) -> None:
    """Klaviyo writes phone numbers its own way: alone it is clear whose a row is."""

    async def handler(request: web.Request) -> web.StreamResponse:
        values = request.query["filter"].split('"')[1::2]
        rows = [row(f"01-{x}", phone_number=x.replace(" ", "")) for x in values]
        return web.json_response({"data": rows})

    numbers = ["+1 500 555 0006", "+15005550007", "+1 500 555 0008"]
    items = [
        ProfileItem(index=n, profile={"phone_number": x}) for n, x in enumerate(numbers)
    ]
    async with (
        FakeServer(handler) as server,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=server.url
        ) as client,
    ):
        ids = await find_profile_ids(client, items, collector=VerdictCollector(3))

    assert ids == {n: [f"01-{number}"] for n, number in enumerate(numbers)}


async def test_user_ids_that_have_a_profile_are_found(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A hundred in a request; one that Klaviyo takes for no id has none."""
    users = [f"u-{number}" for number in range(250)]
    async with SandboxApi(klaviyo.url) as api:
        profiles = [{"external_id": user} for user in users[::2]]
        await api.post("/sandbox/profiles", profiles)

    users_found = await users_with_profile(client, [*users, ""])

    assert users_found == set(users[::2])


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_klaviyo_that_does_not_say_is_no_klaviyo_without_profiles(
    clock: FakeClock, status: int
) -> None:
    """It is told, and not asked for each id apart."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"errors": [{"detail": "no"}]}, status=status)

    async with (
        FakeServer(handler) as server,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=server.url
        ) as client,
    ):
        with pytest.raises(EngineError, match="cannot be looked up"):
            await users_with_profile(client, [f"u-{number}" for number in range(90)])

    assert len(server.requests) <= 3
