"""Tests of changes of external id: who owns the two ids and the address decides."""

from typing import Any, NamedTuple

import pytest

from streams.actions.intents import ConflictPolicy, IdChange
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.upserts import change_ids, upsert_profiles
from streams.sandbox import Sandbox

OLD, NEW = {"external_id": "old"}, {"external_id": "new"}
EMAIL = {"email": "ada@x.io"}
UPDATE, MERGE, REFUSE = ConflictPolicy
Row = tuple[str | None, str | None]
"""External id and address."""


async def _change(
    client: KlaviyoClient, profiles: list[dict[str, Any]], on_conflict: ConflictPolicy
) -> ItemVerdict:
    for profile in profiles:
        await upsert_profiles(client, [profile])
    change = IdChange(profile={**EMAIL, **NEW}, previous_id="old")
    [verdict] = await change_ids(client, [change], on_conflict=on_conflict)
    return verdict


class Case(NamedTuple):
    """Profiles before a change of id, and what becomes of them.

    Attributes:
        profiles: Profiles before.
        on_conflict: Treatment of two profiles.
        code: Code of the verdict's reason.
        rows: Profiles afterwards.
    """

    profiles: list[dict[str, Any]]
    on_conflict: ConflictPolicy
    code: str
    rows: list[Row]


ALONE: list[Row] = [("new", None)]
MERGED: list[Row] = [("new", "ada@x.io")]
BOTH: list[Row] = [("new", None), ("old", None)]
CASES = [
    pytest.param(Case([], UPDATE, "no-such-profile", []), id="nobody"),
    pytest.param(Case([NEW], UPDATE, "no-such-profile", ALONE), id="new alone"),
    pytest.param(Case([OLD], UPDATE, "", ALONE), id="previous alone"),
    pytest.param(
        Case([{**OLD, "email": "e@x.io"}], UPDATE, "", [("new", "e@x.io")]),
        id="previous with another address",
    ),
    pytest.param(Case([OLD | EMAIL], REFUSE, "", MERGED), id="the same address"),
    pytest.param(Case([OLD, NEW], UPDATE, "identity-conflict", BOTH), id="update"),
    pytest.param(Case([OLD, NEW], REFUSE, "identity-conflict", BOTH), id="refuse"),
    pytest.param(
        Case([OLD, NEW | EMAIL], MERGE, "profiles-merged", MERGED), id="merge"
    ),
    pytest.param(
        Case([OLD, EMAIL], MERGE, "profiles-merged", MERGED), id="merge by address"
    ),
]


@pytest.mark.parametrize("case", CASES)
async def test_the_profile_of_the_previous_id_gets_the_id(
    client: KlaviyoClient, klaviyo: Sandbox, case: Case
) -> None:
    """A profile that the user has already is touched only where that is allowed."""
    profiles, on_conflict, code, rows = case
    verdict = await _change(client, profiles, on_conflict)

    is_kept = code in {"no-such-profile", "identity-conflict"}
    refused = Verdict.DEAD_LETTER if on_conflict is REFUSE else Verdict.DISCARDED
    assert verdict.verdict is (refused if is_kept else Verdict.DELIVERED)
    assert verdict.reason.partition(":")[0] == code
    found = {(p.external_id, p.email) for p in klaviyo.account.profiles}
    assert sorted(found, key=str) == rows


async def test_a_repeated_change_finds_nobody(client: KlaviyoClient) -> None:
    """A redelivered alias call changes nothing."""
    await _change(client, [OLD], UPDATE)

    verdict = await _change(client, [], UPDATE)

    assert verdict.verdict is Verdict.DISCARDED
    assert verdict.reason.startswith("no-such-profile")
