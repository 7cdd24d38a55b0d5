"""Tests of conflicts of identity: who owns what decides, whichever id a 409 names."""

from typing import Any

import pytest

from streams.actions.intents import ConflictPolicy
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.upserts import upsert_profiles
from streams.sandbox import Sandbox
from tests.streams.klaviyo.profile_builders import make_profiles

PHONE, OTHER_PHONE = "+12025550101", "+12025550102"
Row = tuple[str | None, str | None, str | None, str | None]
"""External id, address, phone number, first name."""


def _rows(klaviyo: Sandbox) -> list[Row]:
    return sorted(
        (
            (
                profile.external_id,
                profile.email,
                profile.phone_number,
                profile.fields.get("first_name"),
            )
            for profile in klaviyo.account.profiles
            if not str(profile.external_id).startswith("user-")
        ),
        key=str,
    )


async def _upsert(
    client: KlaviyoClient,
    *profiles: dict[str, Any],
    neighbours: int = 0,
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> ItemVerdict:
    """Upsert profiles one after the other; return the last verdict."""
    for profile in profiles:
        batch = [*make_profiles(neighbours), profile]
        verdicts = await upsert_profiles(client, batch, on_conflict=on_conflict)
    return verdicts[-1]


ADA = {"external_id": "a", "email": "a@x.io", "first_name": "Ada"}
BOB = {"external_id": "b", "email": "b@x.io", "first_name": "Bob"}
SINGLE_AND_BULK = pytest.mark.parametrize("neighbours", [0, 4], ids=["single", "bulk"])


@SINGLE_AND_BULK
@pytest.mark.parametrize("first", [ADA, BOB], ids=["ada first", "bob first"])
async def test_two_people_who_share_a_phone_stay_two(
    client: KlaviyoClient, klaviyo: Sandbox, first: dict[str, Any], neighbours: int
) -> None:
    """The number stays with whoever came first, and the other's outcome says so."""
    second = BOB if first is ADA else ADA
    shared = [{**person, "phone_number": PHONE} for person in (first, second)]

    verdict = await _upsert(client, *shared, neighbours=neighbours)

    assert verdict.verdict is Verdict.DELIVERED
    assert verdict.reason.startswith("phone-taken: profile ")
    has_phone = {first["external_id"]: PHONE}
    assert _rows(klaviyo) == [
        (p["external_id"], p["email"], has_phone.get(p["external_id"]), p["first_name"])
        for p in (ADA, BOB)
    ]


@SINGLE_AND_BULK
async def test_a_known_person_gets_another_phone(
    client: KlaviyoClient, klaviyo: Sandbox, neighbours: int
) -> None:
    """A free number replaces the person's own, and nothing is to be noted."""
    verdict = await _upsert(
        client,
        {**ADA, "phone_number": PHONE},
        {**ADA, "phone_number": OTHER_PHONE},
        neighbours=neighbours,
    )

    assert verdict.reason == ""
    assert _rows(klaviyo) == [("a", "a@x.io", OTHER_PHONE, "Ada")]


BOTH = {"external_id": "a", "email": "b@x.io", "first_name": "New"}


@SINGLE_AND_BULK
@pytest.mark.parametrize(
    ("policy", "verdict", "code", "rows"),
    [
        pytest.param(
            ConflictPolicy.UPDATE,
            Verdict.DELIVERED,
            "identity-conflict",
            [("a", "a@x.io", None, "Ada"), ("b", "b@x.io", None, "New")],
            id="update",
        ),
        pytest.param(
            ConflictPolicy.MERGE,
            Verdict.DELIVERED,
            "profiles-merged",
            [("a", "b@x.io", None, "New")],
            id="merge",
        ),
        pytest.param(
            ConflictPolicy.REFUSE,
            Verdict.DEAD_LETTER,
            "identity-conflict",
            [("a", "a@x.io", None, "Ada"), ("b", "b@x.io", None, "Bob")],
            id="refuse",
        ),
    ],
)
async def test_an_id_and_an_address_of_two_profiles(  # noqa: PLR0913 - a table
    client: KlaviyoClient,
    klaviyo: Sandbox,
    *,
    policy: ConflictPolicy,
    verdict: Verdict,
    code: str,
    rows: list[Row],
    neighbours: int,
) -> None:
    """The setting decides; both profiles are named."""
    await _upsert(client, ADA, BOB)

    result = await _upsert(client, BOTH, neighbours=neighbours, on_conflict=policy)

    assert (result.verdict, result.reason.partition(":")[0]) == (verdict, code)
    assert _rows(klaviyo) == rows


@pytest.mark.parametrize("named", ["other", "chosen", "none"])
async def test_the_profile_that_a_conflict_names_is_not_believed(
    client: KlaviyoClient, klaviyo: Sandbox, named: str
) -> None:
    """Klaviyo does not say whose id it is, and may name none."""
    klaviyo.account.switches.set_values({"conflict_names": named})
    await _upsert(client, ADA, BOB)

    await _upsert(client, BOTH)

    assert _rows(klaviyo) == [
        ("a", "a@x.io", None, "Ada"),
        ("b", "b@x.io", None, "New"),
    ]
