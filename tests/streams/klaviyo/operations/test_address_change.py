"""Tests of changes of address: a withdrawal stays, and no consent is invented."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from streams.actions.intents import ConflictPolicy, ListAdd, ProfileUpsert
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.endpoints import GET_PROFILES, UNSUBSCRIBE, Endpoint
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.results import FinalResult, ListGone, Rejected
from streams.klaviyo.execute import add, patch, upsert_without_list
from streams.klaviyo.lookups.email_consents import WITHDRAWAL_PROPERTY
from streams.klaviyo.operations.address_change import NOT_SUBSCRIBED
from streams.klaviyo.operations.upserts import upsert_profiles
from streams.sandbox import Sandbox
from streams.sandbox.account.consent import EMAIL_MARKETING, ConsentTerms
from streams.sandbox.account.profiles import StoredProfile
from tests.streams.klaviyo.fakes import FakeClock
from tests.streams.klaviyo.profile_builders import (
    make_profiles,
    new_list,
    request_count,
)

OLD, NEW = "old@x.io", "new@x.io"
ADA = {"external_id": "a", "email": OLD}
CHANGE = ProfileUpsert(
    profile={"external_id": "a", "email": NEW, "properties": {"plan": "gold"}},
    previous_emails=(OLD,),
)
EITHER_RULE = pytest.mark.parametrize(
    "rule", ["stays-with-profile", "goes-with-address"]
)
SINGLE_AND_BULK = pytest.mark.parametrize("neighbours", [0, 4], ids=["single", "bulk"])


def _profile(klaviyo: Sandbox, email: str) -> StoredProfile:
    [profile] = klaviyo.account.profiles.find_owners({"email": email})
    return profile


def _consent(klaviyo: Sandbox, email: str, status: str, *, at_s: float) -> None:
    """Give or withdraw consent, or suppress for a reason."""
    consents, profile_id = klaviyo.account.consents, _profile(klaviyo, email).id
    if status == "SUBSCRIBED":
        purposes = {EMAIL_MARKETING: None}
        consents.subscribe(profile_id, purposes, terms=ConsentTerms(), now_s=at_s)
    elif status == "UNSUBSCRIBED":
        consents.unsubscribe(profile_id, EMAIL_MARKETING, now_s=at_s)
    else:
        consents.suppress(profile_id, status, now_s=at_s)


def _state(klaviyo: Sandbox, email: str) -> tuple[str, set[str]]:
    """Return the consent and the suppressions of an address."""
    state = klaviyo.account.consents.state_of(_profile(klaviyo, email).id)
    return state.status(EMAIL_MARKETING), {*state.suppressions}


async def _settle(client: KlaviyoClient) -> None:
    await client.pause(60)


async def _change(
    client: KlaviyoClient,
    intent: ProfileUpsert = CHANGE,
    *,
    neighbours: int = 0,
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> ItemVerdict:
    others = [ProfileUpsert(profile=profile) for profile in make_profiles(neighbours)]
    verdicts = await upsert_without_list(
        client, [*others, intent], on_conflict=on_conflict
    )
    assert not isinstance(verdicts, ListGone)
    await _settle(client)
    return verdicts[-1]


@EITHER_RULE
@SINGLE_AND_BULK
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("UNSUBSCRIBED", ("UNSUBSCRIBED", {"UNSUBSCRIBE"})),
        ("USER_SUPPRESSED", ("NEVER_SUBSCRIBED", {"USER_SUPPRESSED"})),
    ],
)
async def test_a_withdrawal_outlives_the_address(  # noqa: PLR0913 - a table
    client: KlaviyoClient,
    klaviyo: Sandbox,
    clock: FakeClock,
    *,
    rule: str,
    neighbours: int,
    status: str,
    expected: tuple[str, set[str]],
) -> None:
    """The new address ends as the old one was, in one profile, without our note."""
    klaviyo.account.switches.set_values({"email_change_consent": rule})
    await upsert_profiles(client, [ADA])
    _consent(klaviyo, OLD, status, at_s=clock.now_s)

    verdict = await _change(client, neighbours=neighbours)

    name = "unsubscribed" if status == "UNSUBSCRIBED" else "suppressed"
    note = f"withdrawal-kept: {name}, as before"
    assert _state(klaviyo, NEW) == expected
    assert _profile(klaviyo, NEW).properties == {"plan": "gold"}
    assert len([*klaviyo.account.profiles]) == 1 + neighbours
    assert verdict.verdict is Verdict.DELIVERED
    assert verdict.reason == (note if rule == "goes-with-address" else "")


@EITHER_RULE
async def test_a_subscription_is_reported_and_never_made(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock, rule: str
) -> None:
    """Consent of the old address is no consent of the new one."""
    klaviyo.account.switches.set_values({"email_change_consent": rule})
    await upsert_profiles(client, [ADA])
    _consent(klaviyo, OLD, "SUBSCRIBED", at_s=clock.now_s)

    verdict = await _change(client)

    stays = rule == "stays-with-profile"
    assert _state(klaviyo, NEW)[0] == ("SUBSCRIBED" if stays else "NEVER_SUBSCRIBED")
    assert verdict.reason == ("" if stays else NOT_SUBSCRIBED)
    assert request_count(klaviyo, "POST", "subscription") == 0


@pytest.mark.parametrize("reason", ["HARD_BOUNCE", "INVALID_EMAIL"])
async def test_a_bounce_stays_with_the_old_mailbox(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock, reason: str
) -> None:
    """A bounce is often why the address changes; it is no wish of the person."""
    klaviyo.account.switches.set_values({"email_change_consent": "goes-with-address"})
    await upsert_profiles(client, [ADA])
    _consent(klaviyo, OLD, reason, at_s=clock.now_s)

    verdict = await _change(client)

    assert _state(klaviyo, NEW) == ("NEVER_SUBSCRIBED", set())
    assert verdict.reason == ""


@pytest.mark.parametrize(
    ("status", "later_s", "expected"),
    [
        pytest.param("SUBSCRIBED", 10, "SUBSCRIBED", id="new consent"),
        pytest.param("SUBSCRIBED", -10, "UNSUBSCRIBED", id="older consent"),
        pytest.param("UNSUBSCRIBED", -10, "UNSUBSCRIBED", id="withdrawn too"),
    ],
)
@pytest.mark.parametrize("policy", [ConflictPolicy.UPDATE, ConflictPolicy.MERGE])
async def test_after_a_conflict_the_owner_of_the_address_is_judged(  # noqa: PLR0913
    client: KlaviyoClient,
    klaviyo: Sandbox,
    clock: FakeClock,
    *,
    status: str,
    later_s: float,
    expected: str,
    policy: ConflictPolicy,
) -> None:
    """Consent for the new address counts if it was given after the withdrawal."""
    bob = {"external_id": "b", "email": NEW}
    await upsert_profiles(client, [ADA, bob])
    _consent(klaviyo, OLD, "UNSUBSCRIBED", at_s=clock.now_s - 60)
    _consent(klaviyo, NEW, status, at_s=clock.now_s - 60 + later_s)

    verdict = await _change(client, on_conflict=policy)

    assert verdict.verdict is Verdict.DELIVERED
    assert _state(klaviyo, NEW)[0] == expected
    assert WITHDRAWAL_PROPERTY not in _profile(klaviyo, NEW).properties


async def test_a_refused_change_withdraws_nothing(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock
) -> None:
    """The profile of the new address may be somebody else's."""
    await upsert_profiles(client, [ADA, {"external_id": "b", "email": NEW}])
    _consent(klaviyo, OLD, "UNSUBSCRIBED", at_s=clock.now_s)

    verdict = await _change(client, on_conflict=ConflictPolicy.REFUSE)

    assert verdict.verdict is Verdict.DEAD_LETTER
    assert _state(klaviyo, NEW) == ("NEVER_SUBSCRIBED", set())


class _KilledError(Exception):
    """End of a worker in the middle of an operation."""


@EITHER_RULE
@SINGLE_AND_BULK
async def test_a_kill_before_the_withdrawal_is_repaired(  # noqa: PLR0913 - a table
    client: KlaviyoClient,
    klaviyo: Sandbox,
    clock: FakeClock,
    *,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    neighbours: int,
) -> None:
    """The activation comes again when the old address can no longer be read."""
    klaviyo.account.switches.set_values({"email_change_consent": rule})
    await upsert_profiles(client, [ADA])
    _consent(klaviyo, OLD, "UNSUBSCRIBED", at_s=clock.now_s)

    async def kill(*_: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patched:
        patched.setattr("streams.klaviyo.operations.address_change._withdraw", kill)
        with pytest.raises(_KilledError):
            await _change(client, neighbours=neighbours)
    assert not klaviyo.account.profiles.find_owners({"email": OLD})
    await _change(client, neighbours=neighbours)

    assert _state(klaviyo, NEW) == ("UNSUBSCRIBED", {"UNSUBSCRIBE"})
    assert _profile(klaviyo, NEW).properties == {"plan": "gold"}


async def test_consent_given_between_kill_and_repair_stays(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock
) -> None:
    """A note on the profile is no reason to end a newer subscription."""
    unfinished = {"unsubscribed": "2026-01-01T00:00:00+00:00"}
    await upsert_profiles(
        client,
        [
            {
                "external_id": "a",
                "email": NEW,
                "properties": {WITHDRAWAL_PROPERTY: unfinished},
            }
        ],
    )
    _consent(klaviyo, NEW, "SUBSCRIBED", at_s=clock.now_s)

    verdict = await _change(client)

    assert _state(klaviyo, NEW)[0] == "SUBSCRIBED"
    assert _profile(klaviyo, NEW).properties == {"plan": "gold"}
    assert verdict.reason == ""


async def test_the_latest_previous_address_with_a_profile_counts(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock
) -> None:
    """An older address may be a second profile, made by an old browser."""
    middle = "middle@x.io"
    await upsert_profiles(client, [{"email": OLD}, {**ADA, "email": middle}])
    _consent(klaviyo, OLD, "UNSUBSCRIBED", at_s=clock.now_s)
    intent = ProfileUpsert(
        profile=CHANGE.profile, previous_emails=("unknown@x.io", middle, OLD)
    )

    verdict = await _change(client, intent)

    assert verdict.reason == ""
    assert _state(klaviyo, NEW) == ("NEVER_SUBSCRIBED", set())


@pytest.mark.parametrize("kind", ["add", "patch"])
async def test_patches_and_list_adds_keep_withdrawals_too(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock, kind: str
) -> None:
    """Whichever request changes the address, the rule is the same."""
    klaviyo.account.switches.set_values({"email_change_consent": "goes-with-address"})
    await upsert_profiles(client, [ADA])
    _consent(klaviyo, OLD, "UNSUBSCRIBED", at_s=clock.now_s)
    list_id = await new_list(client)
    profile: dict[str, Any] = {"external_id": "a", "email": NEW}

    if kind == "add":
        list_add = ListAdd(list_id=list_id, profile=profile, previous_emails=(OLD,))
        verdicts = await add(client, [list_add])
    else:
        upsert = ProfileUpsert(
            profile=profile, unset=("plan",), list_id=list_id, previous_emails=(OLD,)
        )
        verdicts = await patch(client, [upsert])
    await _settle(client)

    assert isinstance(verdicts, list)
    assert verdicts[0].reason == "withdrawal-kept: unsubscribed, as before"
    assert _state(klaviyo, NEW) == ("UNSUBSCRIBED", {"UNSUBSCRIBE"})
    assert len(klaviyo.account.lists.by_id[list_id].members) == 1


async def test_without_a_change_of_address_nothing_is_looked_up(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Other updates cost what they did before."""
    await _change(client, ProfileUpsert(profile=ADA))

    assert request_count(klaviyo, "GET") == 0
    assert request_count(klaviyo) == 1


async def test_an_import_with_the_old_address_ends_first(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A row that Klaviyo reads after the change would bring the old address back."""
    klaviyo.account.config = replace(klaviyo.account.config, job_s=600)
    await upsert_profiles(client, [ADA])
    list_id = await new_list(client)

    profiles: list[dict[str, Any]] = [ADA, *make_profiles(4)]
    adds = [ListAdd(list_id=list_id, profile=profile) for profile in profiles]
    running = asyncio.create_task(add(client, adds))
    while not client.jobs.open_jobs_with([OLD]):  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)
    await _change(client)
    await running

    assert _profile(klaviyo, NEW).external_id == "a"
    assert not klaviyo.account.profiles.find_owners({"email": OLD})


async def test_an_import_of_other_people_is_not_waited_for(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A large import takes minutes, and a change of address must not."""
    await upsert_profiles(client, [ADA])
    klaviyo.account.config = replace(klaviyo.account.config, job_s=600)
    list_id = await new_list(client)
    adds = [ListAdd(list_id=list_id, profile=one) for one in make_profiles(5)]
    emails = [str(profile["email"]) for profile in make_profiles(1)]
    running = asyncio.create_task(add(client, adds))
    while not client.jobs.open_jobs_with(emails):  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)

    await _change(client)

    assert not running.done()
    assert _profile(klaviyo, NEW).external_id == "a"
    await running


class _RefusingClient(FailFastClient):
    """Client for which Klaviyo refuses the requests of one endpoint."""

    def __init__(self, client: KlaviyoClient, endpoint: Endpoint) -> None:
        super().__init__(client)
        self.jobs = client.jobs
        self.refused = endpoint

    async def call(self, request: Request) -> FinalResult:
        """Refuse a request of the endpoint."""
        if request.endpoint is self.refused:
            return Rejected(status=400, reason="refused")
        return await super().call(request)


@pytest.mark.parametrize(
    ("endpoint", "verdict", "reason"),
    [
        (UNSUBSCRIBE, Verdict.DEAD_LETTER, "withdrawal-refused: refused"),
        (GET_PROFILES, Verdict.DELIVERED, "consent-unread: refused"),
    ],
)
async def test_a_refusal_is_never_silent(  # noqa: PLR0913 - a table
    client: KlaviyoClient,
    klaviyo: Sandbox,
    clock: FakeClock,
    *,
    endpoint: Endpoint,
    verdict: Verdict,
    reason: str,
) -> None:
    """A refused withdrawal is a dead letter, and its requeue does the rest."""
    klaviyo.account.switches.set_values({"email_change_consent": "goes-with-address"})
    await upsert_profiles(client, [ADA])
    _consent(klaviyo, OLD, "UNSUBSCRIBED", at_s=clock.now_s)

    verdicts = await upsert_without_list(_RefusingClient(client, endpoint), [CHANGE])

    assert isinstance(verdicts, list)
    assert (verdicts[0].verdict, verdicts[0].reason) == (verdict, reason)
    if verdict is Verdict.DEAD_LETTER:
        await _change(client)
        assert _state(klaviyo, NEW) == ("UNSUBSCRIBED", {"UNSUBSCRIBE"})
