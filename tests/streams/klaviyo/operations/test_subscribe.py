"""Subscription of profiles, against the sandbox."""

from typing import Any

import pytest

from streams.actions.intents import UNSUBSCRIBE_ONLY, Channel, ConsentChange
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.subscribe import subscribe
from streams.sandbox import Fault, FaultKind, Sandbox
from tests.streams.klaviyo.accounts import (
    SUBSCRIBE,
    consent_state,
    consent_statuses,
    list_emails,
)
from tests.streams.klaviyo.consent_builders import subscription
from tests.streams.klaviyo.profile_builders import (
    new_list,
    request_count,
    verdict_names,
)

_GIVEN = "2026-01-02T03:04:05Z"
_GIVEN_S = 1_767_323_045.0


def person(n: int, **fields: Any) -> ConsentChange:  # noqa: ANN401  # any field
    """Build the subscription of a person to email."""
    return subscription(**{"email": f"p{n}@example.com", **fields})


async def test_a_thousand_subscribe_with_one_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Profile 1,001 needs a second request; all profiles are on the list."""
    list_id = await new_list(client)
    items = [person(n, list_id=list_id) for n in range(1_001)]

    verdicts = await subscribe(client, items)

    assert verdict_names(verdicts) == ["delivered"] * 1_001
    assert len(list_emails(klaviyo, list_id)) == 1_001
    assert request_count(klaviyo, "POST", SUBSCRIBE) == 2


async def test_every_channel_klaviyo_offers_is_subscribed(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Email, SMS, WhatsApp and push are subscribed for all purposes."""
    token = {"token": "t0ken", "platform": "ios", "vendor": "apns"}
    change = person(
        1,
        channels=frozenset(Channel) - UNSUBSCRIBE_ONLY,
        phone_number="+15005550006",
        push_tokens=(token,),
    )

    verdicts = await subscribe(client, [change])

    assert verdict_names(verdicts) == ["delivered"]
    assert consent_statuses(klaviyo, "p1@example.com") == dict.fromkeys(
        change.channels, "SUBSCRIBED"
    )


async def test_defect_08_groups_do_not_collide(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """List "A" with source "BC" is not list "AB" with source "C"."""
    list_id = await new_list(client)
    items = [
        person(1, list_id=list_id, custom_source="1"),
        person(2, list_id=list_id[:-1], custom_source=list_id[-1] + "1"),
        person(3, list_id=list_id, custom_source="1"),
    ]

    verdicts = await subscribe(client, items)

    assert verdict_names(verdicts) == ["delivered", "dead-letter", "delivered"]
    assert verdicts[1].reason == "no-such-list"
    assert list_emails(klaviyo, list_id) == {"p1@example.com", "p3@example.com"}


async def test_defect_09_there_may_be_any_number_of_groups(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Twenty sources need twenty requests, and each keeps its own source."""
    items = [person(n, custom_source=f"s{n % 20}") for n in range(40)]

    verdicts = await subscribe(client, items)

    assert verdict_names(verdicts) == ["delivered"] * 40
    assert request_count(klaviyo, "POST", SUBSCRIBE) == 20
    consent = consent_state(klaviyo, "p39@example.com").consents["email", "marketing"]
    assert consent.source == "s19"


async def test_defect_12_everybody_joins_their_own_list(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Profiles do not join the list of the first item."""
    lists = [await new_list(client, name) for name in ("A", "B")]
    items = [person(n, list_id=lists[n % 2]) for n in range(4)] + [person(4)]

    verdicts = await subscribe(client, items)

    assert verdict_names(verdicts) == ["delivered"] * 5
    assert list_emails(klaviyo, lists[0]) == {"p0@example.com", "p2@example.com"}
    assert list_emails(klaviyo, lists[1]) == {"p1@example.com", "p3@example.com"}


async def test_defect_13_a_historical_import_is_of_each_record(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Each record has its own date; without the flag no date is sent."""
    items = [
        person(1, consented_at=_GIVEN),
        person(2, consented_at=_GIVEN, historical_import=True),
        person(3, consented_at="2025-01-02T03:04:05Z", historical_import=True),
    ]

    verdicts = await subscribe(client, items)

    assert verdict_names(verdicts) == ["delivered"] * 3
    consents = [
        consent_state(klaviyo, f"p{n}@example.com").consents["email", "marketing"]
        for n in (1, 2, 3)
    ]
    assert consents[0].consented_s == consents[0].updated_s
    assert consents[1].consented_s == _GIVEN_S
    assert consents[2].consented_s == _GIVEN_S - 365 * 86_400


async def test_defect_11_a_failing_group_fails_no_other(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A missing list affects one group; no request is sent twice."""
    items = [person(n, list_id="nowhere") for n in range(9)] + [person(9), person(10)]

    verdicts = await subscribe(client, items)

    assert verdict_names(verdicts) == ["dead-letter"] * 9 + ["delivered"] * 2
    assert {verdict.status for verdict in verdicts} == {404, 202}
    assert request_count(klaviyo, "POST", SUBSCRIBE) == 2


async def test_a_bad_address_spoils_no_neighbour(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo names the address by pointer, and the other profiles are subscribed."""
    items = [person(n) for n in range(100)]
    items[7] = person(7, email="nobody")

    verdicts = await subscribe(client, items)

    assert [
        index
        for index, name in enumerate(verdict_names(verdicts))
        if name != "delivered"
    ] == [7]
    assert verdicts[7].status == 400
    assert request_count(klaviyo, "POST", SUBSCRIBE) == 2


async def test_subscribing_removes_a_suppression(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Subscribing removes a suppression made by hand."""
    await subscribe(client, [person(1)])
    state = consent_state(klaviyo, "p1@example.com")
    state.suppressions["USER_SUPPRESSED"] = 0.0

    verdicts = await subscribe(client, [person(1)])

    assert verdict_names(verdicts) == ["delivered"]
    assert not state.suppressions


async def test_a_duplicate_subscription_sends_one_confirmation_mail(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The duplicate in a batch is discarded."""
    list_id = await new_list(client)
    klaviyo.account.lists.by_id[list_id].opt_in_process = "double_opt_in"

    verdicts = await subscribe(client, [person(1, list_id=list_id)] * 2)

    assert verdict_names(verdicts) == ["delivered", "discarded"]
    assert len(klaviyo.account.consents.confirmation_mails) == 1


@pytest.mark.parametrize(
    ("members", "code"),
    [
        pytest.param({"channels": frozenset()}, "no-channel", id="no-channel"),
        pytest.param({"email": None}, "no-email", id="email-without-address"),
        pytest.param(
            {"channels": frozenset({Channel.SMS})}, "no-phone-number", id="sms"
        ),
        pytest.param(
            {"channels": frozenset({Channel.PUSH}), "email": ""},
            "no-identifier",
            id="nobody",
        ),
        pytest.param({"email": 5}, "not-text", id="email-a-number"),
        pytest.param({"email": "\ud800@b.io"}, "not-text", id="half-a-character"),
        pytest.param({"custom_source": 5}, "not-text", id="source-a-number"),
        pytest.param(
            {"channels": UNSUBSCRIBE_ONLY, "phone_number": "+15005550006"},
            "channel-not-offered",
            id="only-to-be-unsubscribed",
        ),
        pytest.param({"push_tokens": ({"odd": {1}},)}, "not-json", id="odd-token"),
        pytest.param({"historical_import": True}, "no-consented-at", id="no-date"),
        pytest.param(
            {"historical_import": True, "consented_at": "once"},
            "consented-at-unreadable",
            id="no-readable-date",
        ),
    ],
)
async def test_an_invalid_change_is_a_dead_letter_at_once(
    client: KlaviyoClient, klaviyo: Sandbox, members: dict[str, Any], code: str
) -> None:
    """The valid change beside the invalid change goes through."""
    verdicts = await subscribe(client, [person(1, **members), person(2)])

    assert verdict_names(verdicts) == ["dead-letter", "delivered"]
    assert verdicts[0].reason.partition(":")[0] == code
    assert request_count(klaviyo) == 1


async def test_a_request_with_a_lost_answer_is_sent_again(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """All attempts after a lost response are counted."""
    klaviyo.add_fault(Fault(kind=FaultKind.CUT_BEFORE, path=SUBSCRIBE, count=2))

    verdicts = await subscribe(client, [person(1)])

    assert verdict_names(verdicts) == ["delivered"]
    assert verdicts[0].attempts == 3
