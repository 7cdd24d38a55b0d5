"""Consent and suppression by channel follow Klaviyo's documentation."""

from collections.abc import Sequence

import pytest

from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.sandbox.api import WRONG_REQUEST, Body, ManualClock, SandboxApi
from tests.streams.sandbox.consent_jobs import (
    EMAIL,
    SUBSCRIBE,
    UNSUBSCRIBE,
    ann_with_consent,
    consent_job,
    get_consent_state,
    seed_suppressed_ann,
)

EARLIER = "2020-01-02T03:04:05+00:00"
FUTURE = "2040-01-01T00:00:00+00:00"


async def test_subscribing_joins_the_list_and_is_consent(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Subscribing an unknown person creates the profile."""
    fans = await api.create_list("Fans")
    body = consent_job(
        SUBSCRIBE,
        ann_with_consent("SUBSCRIBED", "email", "sms"),
        list_id=fans,
        custom_source="-59",
    )

    got = await api.post(f"/api/{SUBSCRIBE}s", body)

    shown = await get_consent_state(api)
    assert got.status == 202
    assert list(klaviyo.account.lists.by_id[fans].members) == [shown["profile_id"]]
    assert sorted(shown["consents"]) == ["email/marketing", "sms/marketing"]
    assert shown["consents"]["email/marketing"]["status"] == "SUBSCRIBED"
    assert shown["consents"]["email/marketing"]["source"] == "-59"


@pytest.mark.parametrize(
    ("member", "with_list", "expected"),
    [
        pytest.param(True, True, ("NONE", ["L00001"], []), id="member-of-the-list"),
        pytest.param(
            False, True, ("UNSUBSCRIBED", [], ["UNSUBSCRIBE"]), id="not-a-member"
        ),
        pytest.param(
            True, False, ("UNSUBSCRIBED", [], ["UNSUBSCRIBE"]), id="no-list-named"
        ),
    ],
)
async def test_unsubscribing_is_global_unless_on_the_list(
    api: SandboxApi,
    klaviyo: Sandbox,
    member: bool,
    with_list: bool,
    expected: tuple[str, Sequence[str], Sequence[str]],
) -> None:
    """Unsubscribing from a list without membership unsubscribes everywhere."""
    members = [{"email": EMAIL}] if member else []
    await api.post("/sandbox/lists", [{"name": "Fans", "members": members}])
    body = consent_job(
        UNSUBSCRIBE,
        ann_with_consent("UNSUBSCRIBED"),
        list_id="L00001" if with_list else "",
    )

    got = await api.post(f"/api/{UNSUBSCRIBE}s", body)

    shown = await get_consent_state(api)
    state = shown["consents"].get("email/marketing", {"status": "NONE"})
    unsubscribed_globally = not with_list and member
    assert got.status == 202
    assert (
        state["status"],
        shown["list_suppressions"],
        shown["suppressions"],
    ) == expected
    assert len(klaviyo.account.lists.by_id["L00001"].members) == unsubscribed_globally


@pytest.mark.parametrize(
    ("consent_fields", "historical", "pointer"),
    [
        pytest.param({}, False, None, id="now"),
        pytest.param({"consented_at": EARLIER}, True, None, id="then"),
        pytest.param(
            {"consented_at": EARLIER}, False, "consented_at", id="not-historic"
        ),
        pytest.param({}, True, "consented_at", id="historic-without-a-time"),
        pytest.param({"consented_at": FUTURE}, True, "consented_at", id="future"),
        pytest.param(
            {"consented_at": "soon"},
            True,
            "consented_at",
            id="no-time",
            marks=WRONG_REQUEST,
        ),
        pytest.param(
            {"consent": "MAYBE"},
            False,
            "consent",
            id="other-consent",
            marks=WRONG_REQUEST,
        ),
    ],
)
async def test_when_consent_was_given(
    api: SandboxApi, consent_fields: Body, historical: bool, pointer: str | None
) -> None:
    """`consented_at` is required in a historical import and rejected elsewhere."""
    profile = ann_with_consent("SUBSCRIBED", "email", extra=consent_fields)

    got = await api.post(
        f"/api/{SUBSCRIBE}s",
        consent_job(SUBSCRIBE, profile, historical_import=historical),
    )

    if pointer is None:
        assert got.status == 202
    else:
        start = "/data/attributes/profiles/data/0/attributes/subscriptions/email"
        assert (got.status, got.pointers) == (400, [f"{start}/marketing/{pointer}"])


async def test_double_opt_in_waits_for_the_click(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """A mail is sent; list and consent change after the click."""
    fans = await api.create_list("Fans", opt_in_process="double_opt_in")
    body = consent_job(SUBSCRIBE, ann_with_consent("SUBSCRIBED"), list_id=fans)
    await api.post(f"/api/{SUBSCRIBE}s", body)
    before = await get_consent_state(api)
    members = klaviyo.account.lists.by_id[fans].members
    asked = len(members)

    click = {"profile_id": before["profile_id"]}
    got = await api.post("/sandbox/confirm", click)
    await api.post(f"/api/{SUBSCRIBE}s", body)
    after = await get_consent_state(api)

    assert (asked, before["consents"], before["confirmation_mails"]) == (0, {}, 1)
    assert got.body == {"lists": [fans]}
    assert len(members) == 1
    assert after["consents"]["email/marketing"]["double_opt_in"] is True
    assert after["confirmation_mails"] == 1


async def test_a_repeat_before_the_click_sends_a_second_mail(api: SandboxApi) -> None:
    """The sandbox counts duplicate mails, which a client must avoid."""
    fans = await api.create_list("Fans", opt_in_process="double_opt_in")
    body = consent_job(SUBSCRIBE, ann_with_consent("SUBSCRIBED"), list_id=fans)

    await api.post(f"/api/{SUBSCRIBE}s", body)
    await api.post(f"/api/{SUBSCRIBE}s", body)

    assert (await get_consent_state(api))["confirmation_mails"] == 2


async def test_a_historical_import_skips_mail_and_flows(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Consent is recorded at once, with the original time."""
    fans = await api.create_list("Fans", opt_in_process="double_opt_in")
    profile = ann_with_consent("SUBSCRIBED", "email", extra={"consented_at": EARLIER})

    await api.post(
        f"/api/{SUBSCRIBE}s",
        consent_job(SUBSCRIBE, profile, list_id=fans, historical_import=True),
    )

    shown = await get_consent_state(api)
    assert shown["consents"]["email/marketing"]["consented_s"] == 1_577_934_245.0
    assert shown["confirmation_mails"] == 0
    assert len(klaviyo.account.lists.by_id[fans].members) == 1
    assert klaviyo.account.consents.list_flows[fans] == 0


@pytest.mark.parametrize(
    ("account_default", "mails"),
    [pytest.param(False, 0, id="single"), pytest.param(True, 1, id="double")],
)
async def test_without_a_list_the_accounts_default_decides(
    clock: ManualClock, account_default: bool, mails: int
) -> None:
    """The account decides between single and double opt-in."""
    config = SandboxConfig(double_opt_in=account_default, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        await api.post(
            f"/api/{SUBSCRIBE}s", consent_job(SUBSCRIBE, ann_with_consent("SUBSCRIBED"))
        )

        assert (await get_consent_state(api))["confirmation_mails"] == mails


async def test_adding_to_a_list_touches_no_consent(api: SandboxApi) -> None:
    """List membership does not change consent."""
    profile_id = await seed_suppressed_ann(api, "USER_SUPPRESSED")
    fans = await api.create_list("Fans")
    body = {"data": [{"type": "profile", "id": profile_id}]}

    for method in ("POST", "DELETE"):
        path = f"/api/lists/{fans}/relationships/profiles"
        got = await api.call(method, path, body=body)
        assert got.status == 204

    shown = await get_consent_state(api)
    assert (shown["consents"], shown["suppressions"]) == ({}, ["USER_SUPPRESSED"])


async def test_a_profile_shows_what_it_may_be_sent(api: SandboxApi) -> None:
    """A profile includes consent if `additional-fields[profile]=subscriptions`."""
    profile_id = await seed_suppressed_ann(api, "HARD_BOUNCE")
    await api.post(
        f"/api/{SUBSCRIBE}s",
        consent_job(SUBSCRIBE, ann_with_consent("SUBSCRIBED", "email")),
    )

    got = await api.get(
        f"/api/profiles/{profile_id}", **{"additional-fields__profile": "subscriptions"}
    )

    shown = got.body["data"]["attributes"]["subscriptions"]["email"]["marketing"]
    assert (shown["consent"], shown["can_receive_email_marketing"]) == (
        "SUBSCRIBED",
        False,
    )
    assert [item["reason"] for item in shown["suppression"]] == ["HARD_BOUNCE"]
