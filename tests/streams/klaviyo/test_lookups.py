"""Lookups: whose is a row, and what happens when Klaviyo refuses one."""

from collections.abc import Mapping

import pytest
from aiohttp import web

from streams.errors import EngineError
from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.items import Item
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lookups import find_ids, known_users, match_rows
from streams.sandbox import Sandbox
from tests.streams.klaviyo.fakes import KEY, FakeClock, Server
from tests.streams.sandbox.api import Api


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
    assert match_rows(field, values, rows) == ids


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
    items = [Item(index=n, profile={"external_id": x}) for n, x in enumerate(names)]
    ledger = Ledger(len(items))
    async with (
        Server(handler) as server,
        KlaviyoClient(
            api_key=KEY, timing=clock.timing(), base_url=server.url
        ) as client,
    ):
        ids = await find_ids(client, items, ledger=ledger)

    assert ids == {n: [f"01-{name}"] for n, name in enumerate(names) if n}
    assert not ledger.is_open(0)
    assert len(server.requests) <= 11


async def test_long_identifiers_make_shorter_lookups(clock: FakeClock) -> None:
    """No target is longer than every server must take."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"data": []})

    items = [
        Item(index=n, profile={"external_id": f"{n:03d}" + '"' * 252})
        for n in range(100)
    ]
    async with (
        Server(handler) as server,
        KlaviyoClient(
            api_key=KEY, timing=clock.timing(), base_url=server.url
        ) as client,
    ):
        await find_ids(client, items, ledger=Ledger(100))

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
    items = [Item(index=n, profile={"phone_number": x}) for n, x in enumerate(numbers)]
    async with (
        Server(handler) as server,
        KlaviyoClient(
            api_key=KEY, timing=clock.timing(), base_url=server.url
        ) as client,
    ):
        ids = await find_ids(client, items, ledger=Ledger(3))

    assert ids == {n: [f"01-{number}"] for n, number in enumerate(numbers)}


async def test_user_ids_that_have_a_profile_are_found(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A hundred in a request; one that Klaviyo takes for no id has none."""
    users = [f"u-{number}" for number in range(250)]
    async with Api(klaviyo.url) as api:
        known = [{"external_id": user} for user in users[::2]]
        await api.post("/sandbox/profiles", known)

    found = await known_users(client, [*users, ""])

    assert found == set(users[::2])


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_klaviyo_that_does_not_say_is_no_klaviyo_without_profiles(
    clock: FakeClock, status: int
) -> None:
    """It is told, and not asked for each id apart."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"errors": [{"detail": "no"}]}, status=status)

    async with (
        Server(handler) as server,
        KlaviyoClient(
            api_key=KEY, timing=clock.timing(), base_url=server.url
        ) as client,
    ):
        with pytest.raises(EngineError, match="cannot be looked up"):
            await known_users(client, [f"u-{number}" for number in range(90)])

    assert len(server.requests) <= 3
