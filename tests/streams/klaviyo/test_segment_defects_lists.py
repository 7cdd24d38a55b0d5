"""Confirmed defects of Segment's list actions, fixed here against the sandbox."""

import pytest

from streams.actions.intents import Intent
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.batching.items import Profile
from streams.klaviyo.execute import execute
from streams.klaviyo.lookups.lists import find_list
from streams.sandbox import Fault, FaultKind, Sandbox
from tests.streams.klaviyo.accounts import find_profile, list_emails
from tests.streams.klaviyo.payload_intents import intents_for
from tests.streams.klaviyo.profile_builders import (
    make_profiles,
    member_external_ids,
    new_list,
    request_count,
    verdict_names,
)

ANN = "ann@example.com"
ODD_ID = 'say "hi", \\'
RELATIONSHIPS = "/relationships/profiles"


async def add_to_list(client: KlaviyoClient, list_id: str, *profiles: Profile) -> None:
    """Add profiles to a list through the action."""
    adds = intents_for(
        "addProfileToList", *({**profile, "list_id": list_id} for profile in profiles)
    )
    assert verdict_names(await execute(client, adds)) == ["delivered"] * len(profiles)


def removal_intents(list_id: str, *profiles: Profile) -> list[Intent]:
    """Return the intents that remove profiles from a list."""
    payloads = ({**profile, "list_id": list_id} for profile in profiles)
    return intents_for("removeProfileFromList", *payloads)


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
    """Segment reads a single page of twenty and reports all profiles as removed."""
    list_id = await new_list(client)
    everybody: list[Profile] = [{"email": f"u{n}@example.com"} for n in range(count)]
    await add_to_list(client, list_id, *everybody)

    verdicts = await execute(client, removal_intents(list_id, *everybody))

    assert verdict_names(verdicts) == ["delivered"] * count
    assert list_emails(klaviyo, list_id) == set()


@pytest.mark.parametrize("others", [0, 3], ids=["alone", "in-a-batch"])
async def test_defect_02_a_plus_is_looked_up_as_a_plus(
    client: KlaviyoClient, klaviyo: Sandbox, others: int
) -> None:
    """An unencoded plus is a space, and the profile is not found."""
    list_id = await new_list(client)
    plus = {"email": "ann+news@example.com"}
    everybody: list[Profile] = [plus, *make_profiles(others)]
    await add_to_list(client, list_id, *everybody)

    verdicts = await execute(client, removal_intents(list_id, *everybody))

    assert verdict_names(verdicts) == ["delivered"] * (others + 1)
    assert list_emails(klaviyo, list_id) == set()


async def test_defect_03_one_odd_identifier_spoils_no_batch(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Quotes in one id break Segment's filter for all."""
    list_id = await new_list(client)
    everybody: list[Profile] = [*make_profiles(9), {"external_id": ODD_ID}]
    await add_to_list(client, list_id, *everybody)

    verdicts = await execute(client, removal_intents(list_id, *everybody))

    assert verdict_names(verdicts) == ["delivered"] * 10
    assert member_external_ids(klaviyo, list_id) == set()


@pytest.mark.parametrize("others", [1, 9], ids=["singly", "in-bulk"])
async def test_defect_04_who_could_not_be_created_is_a_dead_letter(
    client: KlaviyoClient, klaviyo: Sandbox, others: int
) -> None:
    """Segment ignores the error and calls the list endpoint without an id."""
    list_id = await new_list(client)
    refused = {"external_id": "x", "properties": {"text": "x" * 100_001}}
    profiles: list[Profile] = [refused, *make_profiles(others)]

    verdicts = await execute(
        client,
        intents_for(
            "addProfileToList",
            *({**profile, "list_id": list_id} for profile in profiles),
        ),
    )

    assert verdict_names(verdicts) == ["dead-letter"] + ["delivered"] * others
    assert len(member_external_ids(klaviyo, list_id)) == others


async def test_defect_04_no_list_call_goes_out_without_an_id(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo rejects the only profile, so no profile is left to add."""
    list_id = await new_list(client)
    klaviyo.add_fault(
        Fault(kind=FaultKind.SERVER_ERROR, status=400, path="/api/profile-import")
    )
    ann = {"list_id": list_id, "email": ANN}

    verdicts = await execute(client, intents_for("addProfileToList", ann))

    assert verdict_names(verdicts) == ["dead-letter"]
    assert verdicts[0].status == 400
    assert request_count(klaviyo, "POST", RELATIONSHIPS) == 0


@pytest.mark.parametrize("others", [0, 9], ids=["singly", "in-bulk"])
async def test_defect_05_a_list_add_updates_whoever_exists(
    client: KlaviyoClient, klaviyo: Sandbox, others: int
) -> None:
    """Segment drops the new attributes on Klaviyo's 409."""
    list_id = await new_list(client)
    await execute(
        client, intents_for("upsertProfile", {"email": ANN, "first_name": "Old"})
    )
    ann = {"email": ANN, "first_name": "New"}

    await add_to_list(client, list_id, ann, *make_profiles(others))

    assert find_profile(klaviyo, ANN).fields["first_name"] == "New"
    assert ANN in list_emails(klaviyo, list_id)


async def test_defect_23_a_list_beyond_the_first_page_is_found(
    client: KlaviyoClient,
) -> None:
    """Segment reads a single page of the account's lists."""
    made = {f"List {n}": await new_list(client, f"List {n}") for n in range(25)}

    found_lists = {name: await find_list(client, name) for name in made}

    assert found_lists == made


@pytest.mark.parametrize("others", [0, 3], ids=["alone", "in-a-batch"])
@pytest.mark.parametrize("action", ["removeProfile", "removeProfileFromList"])
async def test_defect_32_who_is_unknown_ends_alike_alone_and_in_a_batch(
    client: KlaviyoClient, klaviyo: Sandbox, action: str, others: int
) -> None:
    """Segment fails for a single unknown profile and reports success for a batch."""
    list_id = await new_list(client)
    await add_to_list(client, list_id, {"email": ANN}, *make_profiles(others))
    profiles: list[Profile] = [{"email": "nobody@example.com"}, *make_profiles(others)]

    verdicts = await execute(
        client,
        intents_for(action, *({**profile, "list_id": list_id} for profile in profiles)),
    )

    assert (verdict_names(verdicts)[0], verdicts[0].reason) == (
        "discarded",
        "no-such-profile",
    )
    assert verdict_names(verdicts)[1:] == ["delivered"] * others
    assert list_emails(klaviyo, list_id) == {ANN}


async def test_defect_35_a_removal_removes_one_profile(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Identifiers of three people remove only the profile with the external id."""
    list_id = await new_list(client)
    three: list[Profile] = [
        {"external_id": "u1"},
        {"email": ANN},
        {"phone_number": "+15005550006"},
    ]
    await add_to_list(client, list_id, *three)
    mixed = {name: value for profile in three for name, value in profile.items()}

    verdicts = await execute(client, removal_intents(list_id, mixed))

    assert verdict_names(verdicts) == ["delivered"]
    assert member_external_ids(klaviyo, list_id) == {None}
    assert len(klaviyo.account.lists.by_id[list_id].members) == 2
