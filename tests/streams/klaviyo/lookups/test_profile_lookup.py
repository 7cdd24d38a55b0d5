"""Lookup of profiles: matching of rows, and identifiers that Klaviyo rejects."""

from collections.abc import Mapping

import pytest
from aiohttp import web

from streams.errors import EngineError
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.batching.items import ProfileItem, VerdictCollector
from streams.klaviyo.lookups.profile_lookup import (
    find_profile_ids,
    match_profiles,
    users_with_profile,
)
from streams.sandbox import Sandbox
from tests.streams.klaviyo.fakes import KEY, FakeClock, FakeServer
from tests.streams.sandbox.api import SandboxApi


def row(profile_id: str, **attributes: str) -> dict[str, object]:
    """Build a profile of a response."""
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
    """A row matches a value, or the whole answer is ambiguous."""
    assert match_profiles(field, values, rows) == ids


async def test_an_identifier_klaviyo_refuses_is_isolated(clock: FakeClock) -> None:
    """A 400 about the whole filter leads to bisection; the other profiles match."""

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
    """No request target exceeds the length that servers must accept."""

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


async def test_rows_with_another_spelling_are_looked_up_separately(
    clock: FakeClock,
) -> None:
    """A phone number that Klaviyo writes differently matches in a separate lookup."""

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
    """A request holds a hundred ids; an id that Klaviyo rejects has no profile."""
    users = [f"u-{number}" for number in range(250)]
    async with SandboxApi(klaviyo.url) as api:
        profiles = [{"external_id": user} for user in users[::2]]
        await api.post("/sandbox/profiles", profiles)

    users_found = await users_with_profile(client, [*users, ""])

    assert users_found == set(users[::2])


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_failing_klaviyo_is_not_taken_for_missing_profiles(
    clock: FakeClock, status: int
) -> None:
    """A failing Klaviyo is an error; ids are not looked up separately then."""

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
