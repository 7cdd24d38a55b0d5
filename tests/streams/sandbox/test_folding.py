"""Folding of profiles: what the profile that stays has afterwards."""

import pytest

from streams.sandbox import Sandbox
from streams.sandbox.account.consent import ConsentRecord
from streams.sandbox.account.identities import MERGE_METRIC
from streams.sandbox.account.profiles import StoredProfile
from tests.streams.sandbox.api import Body, ManualClock, SandboxApi, data, ids
from tests.streams.sandbox.event_requests import event_request

PHONE = "+12025550101"
OTHER_PHONE = "+12025550102"
EMAIL_MARKETING = ("email", "marketing")
SMS_MARKETING = ("sms", "marketing")


def _create(klaviyo: Sandbox, **attributes: object) -> StoredProfile:
    now_s = klaviyo.config.clock_s()
    return klaviyo.account.profiles.create(attributes, now_s=now_s)


def _consent(
    klaviyo: Sandbox,
    profile: StoredProfile,
    status: str,
    *,
    purpose: tuple[str, str] = EMAIL_MARKETING,
    at_s: float = 0.0,
) -> None:
    state = klaviyo.account.consents.state_of(profile.id)
    state.consents[purpose] = ConsentRecord(
        status=status, consented_s=at_s, updated_s=at_s
    )


async def _merge(api: SandboxApi, source: StoredProfile, into: StoredProfile) -> None:
    relation = {"profiles": ids("profile", source.id)}
    body = data("profile-merge", id=into.id, relationships=relation)
    assert (await api.post("/api/profile-merge", body)).status == 202


async def _upsert(api: SandboxApi, **attributes: object) -> Body:
    got = await api.post("/api/profile-import", data("profile", attributes))
    assert got.status == 200
    profile: Body = got.body["data"]
    return profile


async def test_a_fold_keeps_lists_events_and_attributes(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Section B1: lists are united, events moved, gaps filled, and no flow runs."""
    ann = _create(klaviyo, email="ann@x.co", title="Dr", properties={"a": 1})
    phone = _create(
        klaviyo, phone_number=PHONE, title="Ms", properties={"a": 2, "b": 3}
    )
    lists = klaviyo.account.lists
    fans = lists.create("Fans", opt_in_process="single_opt_in", now_s=0)
    both = lists.create("Both", opt_in_process="single_opt_in", now_s=0)
    lists.add_members(fans, [phone], now_s=0)
    lists.add_members(both, [ann, phone], now_s=0)
    event = event_request(owner={"phone_number": PHONE}, time="2026-07-15T00:00:00Z")
    await api.post("/api/events", event)

    await _upsert(api, email="ann@x.co", phone_number=PHONE)

    (profile,) = klaviyo.account.profiles
    names = {
        metric.id: metric.name for metric in klaviyo.account.events.metrics.values()
    }
    events = [
        (names[event.metric_id], event.profile_id, event.time_s)
        for event in klaviyo.account.events.by_key.values()
    ]
    assert profile is ann
    assert (list(fans.members), list(both.members)) == ([ann.id], [ann.id])
    assert fans.changes.effective_adds == 1
    assert sorted(events) == [
        (MERGE_METRIC, ann.id, 1_800_000_000),
        ("Ordered", ann.id, 1_784_073_600),
    ]
    assert (ann.fields["title"], ann.properties) == ("Dr", {"a": 1, "b": 3})
    assert klaviyo.account.consents.list_flows.total() == 0


async def test_a_later_event_with_the_sources_email_is_a_new_profile(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Section B1: a merge keeps one address, and the other is free."""
    ann, old = [_create(klaviyo, email=email) for email in ("ann@x.co", "old@x.co")]
    await _merge(api, old, ann)
    clock.now_s += 5

    await api.post("/api/events", event_request(owner={"email": "old@x.co"}))

    emails = [profile.email for profile in klaviyo.account.profiles]
    (owner,) = klaviyo.account.profiles.find_owners({"email": "old@x.co"})
    assert emails == ["ann@x.co", "old@x.co"]
    assert owner.id not in (ann.id, old.id)


async def test_a_merge_is_queued(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Section B2: the source exists until the job has run, and is gone for good."""
    ann, old = [_create(klaviyo, email=email) for email in ("ann@x.co", "old@x.co")]
    await _merge(api, old, ann)
    statuses = []

    for wait_s in (0.0, 4.9, 0.1, 600.0):
        clock.now_s += wait_s
        statuses.append((await api.get(f"/api/profiles/{old.id}")).status)

    assert statuses == [200, 200, 404, 404]


@pytest.mark.parametrize(
    ("into", "source", "expected"),
    [
        pytest.param(
            ("SUBSCRIBED", 1), ("UNSUBSCRIBED", 2), ("UNSUBSCRIBED", 2), id="later"
        ),
        pytest.param(
            ("SUBSCRIBED", 2), ("UNSUBSCRIBED", 1), ("SUBSCRIBED", 2), id="earlier"
        ),
        pytest.param(
            ("SUBSCRIBED", 1), ("UNSUBSCRIBED", 1), ("UNSUBSCRIBED", 1), id="tie"
        ),
        pytest.param(
            ("SUBSCRIBED", 2), ("SUBSCRIBED", 1), ("SUBSCRIBED", 1), id="same-older"
        ),
        pytest.param(
            ("SUBSCRIBED", 1), ("SUBSCRIBED", 2), ("SUBSCRIBED", 1), id="same-newer"
        ),
    ],
)
async def test_consent_of_two_profiles_becomes_one(  # noqa: PLR0913  # a table
    api: SandboxApi,
    klaviyo: Sandbox,
    clock: ManualClock,
    *,
    into: tuple[str, float],
    source: tuple[str, float],
    expected: tuple[str, float],
) -> None:
    """Section B1: the later status, or the older of two equal records."""
    ann, old = [_create(klaviyo, email=email) for email in ("ann@x.co", "old@x.co")]
    _consent(klaviyo, ann, into[0], at_s=into[1])
    _consent(klaviyo, old, source[0], at_s=source[1])
    klaviyo.account.consents.suppress(old.id, "HARD_BOUNCE", now_s=1)

    await _merge(api, old, ann)
    clock.now_s += 5

    state = klaviyo.account.consents.by_profile[ann.id]
    record = state.consents[EMAIL_MARKETING]
    assert (record.status, record.consented_s) == expected
    assert list(state.suppressions) == ["HARD_BOUNCE"]
    assert old.id not in klaviyo.account.consents.by_profile


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param("destination", "x-ann", id="destination"),
        pytest.param("latest", "x-old", id="latest"),
    ],
)
async def test_which_external_id_stays(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, rule: str, expected: str
) -> None:
    """Section B1: a switch decides."""
    klaviyo.account.switches.set_values({"merge_external_id": rule})
    ann = _create(klaviyo, external_id="x-ann")
    clock.now_s += 1
    old = _create(klaviyo, external_id="x-old")

    await _merge(api, old, ann)
    clock.now_s += 5

    assert [profile.external_id for profile in klaviyo.account.profiles] == [expected]


async def test_a_location_is_that_of_the_fuller_profile(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Section B1: the time zone is that of the source."""
    here = {"city": "Oslo", "zip": "1", "timezone": "Europe/Oslo"}
    ann = _create(klaviyo, email="ann@x.co", location=here)
    old = _create(klaviyo, email="old@x.co", location={"timezone": "UTC"})

    await _merge(api, old, ann)
    clock.now_s += 5

    (profile,) = klaviyo.account.profiles
    assert profile.location == {**here, "timezone": "UTC"}


async def test_sms_consent_belongs_to_the_number_that_gave_it(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Section B1: a new number has no consent; that of a folded number comes along."""
    ann = _create(klaviyo, email="ann@x.co", phone_number=PHONE)
    phone = _create(klaviyo, phone_number=OTHER_PHONE)
    _consent(klaviyo, ann, "UNSUBSCRIBED", purpose=SMS_MARKETING, at_s=9)
    _consent(klaviyo, ann, "SUBSCRIBED")
    _consent(klaviyo, phone, "SUBSCRIBED", purpose=SMS_MARKETING, at_s=1)
    state = klaviyo.account.consents.state_of(ann.id)

    await _upsert(api, email="ann@x.co", phone_number=OTHER_PHONE)
    folded = state.status(SMS_MARKETING)
    await _upsert(api, email="ann@x.co", phone_number="+12025550103")

    assert folded == "SUBSCRIBED"
    assert state.status(SMS_MARKETING) == "NEVER_SUBSCRIBED"
    assert state.status(EMAIL_MARKETING) == "SUBSCRIBED"


@pytest.mark.parametrize(
    ("rule", "after_change", "of_the_old_address"),
    [
        pytest.param(
            "stays-with-profile", "UNSUBSCRIBED", "NEVER_SUBSCRIBED", id="stays"
        ),
        pytest.param(
            "goes-with-address", "NEVER_SUBSCRIBED", "UNSUBSCRIBED", id="goes"
        ),
    ],
)
async def test_consent_after_an_email_change(
    api: SandboxApi,
    klaviyo: Sandbox,
    *,
    rule: str,
    after_change: str,
    of_the_old_address: str,
) -> None:
    """Section E2: consent and suppression stay, or wait for the old address."""
    klaviyo.account.switches.set_values({"email_change_consent": rule})
    ann = _create(klaviyo, email="old@x.co")
    consents = klaviyo.account.consents
    consents.unsubscribe(ann.id, EMAIL_MARKETING, now_s=1)
    consents.unsubscribe(ann.id, ("push", "marketing"), now_s=1)

    body = data("profile", {"email": "new@x.co"}, id=ann.id)
    got = await api.call("PATCH", f"/api/profiles/{ann.id}", body=body)
    await api.post("/api/events", event_request(owner={"email": "old@x.co"}))

    (old,) = klaviyo.account.profiles.find_owners({"email": "old@x.co"})
    state, old_state = consents.state_of(ann.id), consents.state_of(old.id)
    assert got.status == 200
    assert state.status(EMAIL_MARKETING) == after_change
    assert old_state.status(EMAIL_MARKETING) == of_the_old_address
    assert bool(state.suppressions) == (after_change == "UNSUBSCRIBED")
    assert bool(old_state.suppressions) == (of_the_old_address == "UNSUBSCRIBED")
    assert state.status(("push", "marketing")) == "UNSUBSCRIBED"


async def test_consent_of_a_merged_address_waits_for_the_address(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock
) -> None:
    """Section E2: if consent goes with the address, a merge leaves it there."""
    klaviyo.account.switches.set_values({"email_change_consent": "goes-with-address"})
    ann, old = [_create(klaviyo, email=email) for email in ("ann@x.co", "old@x.co")]
    _consent(klaviyo, old, "SUBSCRIBED")

    await _merge(api, old, ann)
    clock.now_s += 5
    await api.post("/api/events", event_request(owner={"email": "old@x.co"}))

    (renewed,) = klaviyo.account.profiles.find_owners({"email": "old@x.co"})
    consents = klaviyo.account.consents
    assert consents.state_of(ann.id).status(EMAIL_MARKETING) == "NEVER_SUBSCRIBED"
    assert consents.state_of(renewed.id).status(EMAIL_MARKETING) == "SUBSCRIBED"
