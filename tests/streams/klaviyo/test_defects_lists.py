"""Confirmed defects of Segment's list actions, mended: the sandbox shows it."""

import pytest

from streams.actions.intents import Intent
from streams.klaviyo.carry import carry_out
from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.items import Profile
from streams.klaviyo.lists import find_list
from streams.sandbox import Fault, FaultKind, Sandbox
from tests.streams.klaviyo.accounts import on_list, whose
from tests.streams.klaviyo.people import (
    endings,
    members,
    new_list,
    people,
    requested,
)
from tests.streams.klaviyo.wanted import wanted

ANN = "ann@example.com"
ODD_ID = 'say "hi", \\'
RELATIONSHIPS = "/relationships/profiles"


async def put_on(client: KlaviyoClient, list_id: str, *who: Profile) -> None:
    """Put people on a list."""
    adds = wanted("addProfileToList", *({**one, "list_id": list_id} for one in who))
    assert endings(await carry_out(client, adds)) == ["delivered"] * len(who)


def leaving(list_id: str, *who: Profile) -> list[Intent]:
    """Want people off a list."""
    payloads = ({**one, "list_id": list_id} for one in who)
    return wanted("removeProfileFromList", *payloads)


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(21, id="one-over-klaviyos-page"),
        pytest.param(250, id="three-look-ups"),
    ],
)
async def test_defect_01_a_batch_removal_removes_everybody(
    client: KlaviyoClient, klaviyo: Sandbox, count: int
) -> None:
    """Segment reads one page of twenty and calls all of them removed."""
    list_id = await new_list(client)
    everybody: list[Profile] = [{"email": f"u{n}@example.com"} for n in range(count)]
    await put_on(client, list_id, *everybody)

    verdicts = await carry_out(client, leaving(list_id, *everybody))

    assert endings(verdicts) == ["delivered"] * count
    assert on_list(klaviyo, list_id) == set()


@pytest.mark.parametrize("others", [0, 3], ids=["alone", "in-a-batch"])
async def test_defect_02_a_plus_is_looked_up_as_a_plus(
    client: KlaviyoClient, klaviyo: Sandbox, others: int
) -> None:
    """Unencoded it is a space, and the profile is not found."""
    list_id = await new_list(client)
    plus = {"email": "ann+news@example.com"}
    everybody: list[Profile] = [plus, *people(others)]
    await put_on(client, list_id, *everybody)

    verdicts = await carry_out(client, leaving(list_id, *everybody))

    assert endings(verdicts) == ["delivered"] * (others + 1)
    assert on_list(klaviyo, list_id) == set()


async def test_defect_03_one_odd_identifier_spoils_no_batch(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Quotes in one id break Segment's filter for all."""
    list_id = await new_list(client)
    everybody: list[Profile] = [*people(9), {"external_id": ODD_ID}]
    await put_on(client, list_id, *everybody)

    verdicts = await carry_out(client, leaving(list_id, *everybody))

    assert endings(verdicts) == ["delivered"] * 10
    assert members(klaviyo, list_id) == set()


@pytest.mark.parametrize("others", [1, 9], ids=["singly", "in-bulk"])
async def test_defect_04_who_could_not_be_created_is_a_dead_letter(
    client: KlaviyoClient, klaviyo: Sandbox, others: int
) -> None:
    """Segment swallows it, and the list call goes out without an id."""
    list_id = await new_list(client)
    refused = {"external_id": "x", "properties": {"text": "x" * 100_001}}
    who: list[Profile] = [refused, *people(others)]

    verdicts = await carry_out(
        client,
        wanted("addProfileToList", *({**one, "list_id": list_id} for one in who)),
    )

    assert endings(verdicts) == ["dead-letter"] + ["delivered"] * others
    assert len(members(klaviyo, list_id)) == others


async def test_defect_04_no_list_call_goes_out_without_an_id(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo refuses the only profile: nobody is left to add."""
    list_id = await new_list(client)
    klaviyo.fail(
        Fault(kind=FaultKind.SERVER_ERROR, status=400, path="/api/profile-import")
    )
    ann = {"list_id": list_id, "email": ANN}

    verdicts = await carry_out(client, wanted("addProfileToList", ann))

    assert endings(verdicts) == ["dead-letter"]
    assert verdicts[0].status == 400
    assert requested(klaviyo, "POST", RELATIONSHIPS) == 0


@pytest.mark.parametrize("others", [0, 9], ids=["singly", "in-bulk"])
async def test_defect_05_a_list_add_updates_whoever_exists(
    client: KlaviyoClient, klaviyo: Sandbox, others: int
) -> None:
    """Segment drops the new attributes on Klaviyo's 409."""
    list_id = await new_list(client)
    await carry_out(
        client, wanted("upsertProfile", {"email": ANN, "first_name": "Old"})
    )
    ann = {"email": ANN, "first_name": "New"}

    await put_on(client, list_id, ann, *people(others))

    assert whose(klaviyo, ANN).fields["first_name"] == "New"
    assert ANN in on_list(klaviyo, list_id)


async def test_defect_23_a_list_beyond_the_first_page_is_found(
    client: KlaviyoClient,
) -> None:
    """Segment reads one page of the account's lists."""
    made = {f"List {n}": await new_list(client, f"List {n}") for n in range(25)}

    found = {name: await find_list(client, name) for name in made}

    assert found == made


@pytest.mark.parametrize("known", [0, 3], ids=["alone", "in-a-batch"])
@pytest.mark.parametrize("action", ["removeProfile", "removeProfileFromList"])
async def test_defect_32_who_is_unknown_ends_alike_alone_and_in_a_batch(
    client: KlaviyoClient, klaviyo: Sandbox, action: str, known: int
) -> None:
    """Segment errs for one and calls a batch of them a success."""
    list_id = await new_list(client)
    await put_on(client, list_id, {"email": ANN}, *people(known))
    who: list[Profile] = [{"email": "nobody@example.com"}, *people(known)]

    verdicts = await carry_out(
        client, wanted(action, *({**one, "list_id": list_id} for one in who))
    )

    assert (endings(verdicts)[0], verdicts[0].reason) == (
        "discarded",
        "no-such-profile",
    )
    assert endings(verdicts)[1:] == ["delivered"] * known
    assert on_list(klaviyo, list_id) == {ANN}


async def test_defect_35_a_removal_removes_one_profile(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Three identifiers of three people: only whose id it is leaves."""
    list_id = await new_list(client)
    three: list[Profile] = [
        {"external_id": "u1"},
        {"email": ANN},
        {"phone_number": "+15005550006"},
    ]
    await put_on(client, list_id, *three)
    mixed = {name: value for one in three for name, value in one.items()}

    verdicts = await carry_out(client, leaving(list_id, mixed))

    assert endings(verdicts) == ["delivered"]
    assert members(klaviyo, list_id) == {None}
    assert len(klaviyo.state.lists.by_id[list_id].members) == 2
