"""Withdrawal of consent, never more than requested, against the sandbox."""

from streams.actions.intents import Channel
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.unsubscribe import unsubscribe
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import (
    UNSUBSCRIBE,
    consent_statuses,
    list_emails,
)
from tests.streams.klaviyo.consent_builders import BOTH
from tests.streams.klaviyo.profile_builders import request_count, verdict_names
from tests.streams.klaviyo.unsubscribe_helpers import (
    ANN,
    BOB,
    PHONE,
    is_subscribed,
    subscribe_to_new_list,
    subscribe_without_list,
    withdrawal,
)


async def test_a_member_leaves_the_list_and_nothing_else(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Email from other lists continues, and other members stay."""
    list_id = await subscribe_to_new_list(client, {"email": ANN}, {"email": BOB})

    verdicts = await unsubscribe(client, [withdrawal(ANN.upper(), list_id=list_id)])

    assert verdict_names(verdicts) == ["delivered"]
    assert list_emails(klaviyo, list_id) == {BOB}
    assert is_subscribed(klaviyo, ANN)


async def test_a_profile_off_the_list_is_not_unsubscribed_globally(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Profiles off the list and unknown addresses keep the consent."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    await subscribe_without_list(client, email=BOB)
    items = [
        withdrawal(email, list_id=list_id) for email in (BOB, ANN, "new@example.com")
    ]

    verdicts = await unsubscribe(client, items)

    assert verdict_names(verdicts) == ["discarded", "delivered", "discarded"]
    assert {verdicts[0].reason, verdicts[2].reason} == {"not-on-list"}
    assert is_subscribed(klaviyo, BOB)
    assert not klaviyo.account.profiles.find_owners({"email": "new@example.com"})
    assert request_count(klaviyo, "POST", UNSUBSCRIBE) == 1


async def test_everywhere_unsubscribes_profiles_off_the_list_globally(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """With the switch, a profile off the list is unsubscribed globally."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    await subscribe_without_list(client, email=BOB)

    verdicts = await unsubscribe(
        client,
        [withdrawal(email, list_id=list_id, everywhere=True) for email in (ANN, BOB)],
    )

    assert verdict_names(verdicts) == ["delivered"] * 2
    assert is_subscribed(klaviyo, ANN)
    assert not is_subscribed(klaviyo, BOB)


async def test_everywhere_means_the_address_that_is_not_on_the_list_too(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A member leaves the list; the other person is unsubscribed globally."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    await subscribe_without_list(client, phone_number=PHONE)
    item = withdrawal(
        ANN, list_id=list_id, everywhere=True, phone_number=PHONE, channels=BOTH
    )

    verdicts = await unsubscribe(client, [item])

    assert verdict_names(verdicts) == ["delivered"]
    [texted] = klaviyo.account.profiles.find_owners({"phone_number": PHONE})
    said = klaviyo.account.consents.state_of(texted.id).status(("sms", "marketing"))
    assert list_emails(klaviyo, list_id) == set()
    assert is_subscribed(klaviyo, ANN)
    assert said == "UNSUBSCRIBED"


async def test_without_a_list_the_withdrawal_is_global(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The requested channels are unsubscribed globally."""
    await subscribe_to_new_list(client, {"email": ANN, "phone_number": PHONE})
    sms = frozenset({Channel.SMS, Channel.SMS_TRANSACTIONAL})

    verdicts = await unsubscribe(
        client, [withdrawal(None, phone_number=PHONE, channels=sms)]
    )

    assert verdict_names(verdicts) == ["delivered"]
    assert consent_statuses(klaviyo, ANN) == {
        "email.marketing": "SUBSCRIBED",
        "sms.marketing": "UNSUBSCRIBED",
        "sms.transactional": "UNSUBSCRIBED",
    }


async def test_two_hundred_and_fifty_leave_with_six_requests(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Requests and lookups hold a hundred members each."""
    emails = [f"p{n}@example.com" for n in range(250)]
    list_id = await subscribe_to_new_list(
        client, *({"email": email} for email in emails)
    )
    before = request_count(klaviyo)

    verdicts = await unsubscribe(
        client, [withdrawal(email, list_id=list_id) for email in emails]
    )

    assert verdict_names(verdicts) == ["delivered"] * 250
    assert not list_emails(klaviyo, list_id)
    assert request_count(klaviyo) - before == 6


async def test_the_address_of_somebody_else_is_left_alone(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The phone number beside Ann's email is Bob's, and Bob is not on the list."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    await subscribe_without_list(client, phone_number=PHONE)
    item = withdrawal(phone_number=PHONE, channels=BOTH, list_id=list_id)

    verdicts = await unsubscribe(client, [item])

    assert verdict_names(verdicts) == ["delivered"]
    assert verdicts[0].reason.startswith("not-on-list")
    assert not list_emails(klaviyo, list_id)
    assert consent_statuses(klaviyo, PHONE) == {"sms.marketing": "SUBSCRIBED"}
    assert consent_statuses(klaviyo, ANN) == {"email.marketing": "SUBSCRIBED"}


async def test_an_address_without_a_profile_goes_with_the_member(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Ann's new phone number without a profile is unsubscribed with her email."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    item = withdrawal(phone_number=PHONE, channels=BOTH, list_id=list_id)

    verdicts = await unsubscribe(client, [item])

    assert verdict_names(verdicts) == ["delivered"]
    assert verdicts[0].reason == ""
    assert consent_statuses(klaviyo, ANN)["sms.marketing"] == "UNSUBSCRIBED"


async def test_two_members_in_one_item_both_leave(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The email is Ann's, the phone number Bob's; both are on the list."""
    list_id = await subscribe_to_new_list(
        client, {"email": ANN}, {"phone_number": PHONE}
    )
    item = withdrawal(phone_number=PHONE, channels=BOTH, list_id=list_id)

    verdicts = await unsubscribe(client, [item])

    assert verdict_names(verdicts) == ["delivered"]
    assert list_emails(klaviyo, list_id) == {None}
    assert consent_statuses(klaviyo, PHONE) == {"sms.marketing": "UNSUBSCRIBED"}


async def test_push_is_unsubscribed_with_its_tokens(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The list membership of any address allows the withdrawal of push."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    token = {"token": "t0ken", "platform": "android", "vendor": "fcm"}
    push = frozenset({Channel.PUSH})
    items = [
        withdrawal(channels=push, push_tokens=(token,), list_id=list_id),
        withdrawal(channels=push, list_id=list_id),
    ]

    verdicts = await unsubscribe(client, items)

    assert verdict_names(verdicts) == ["delivered", "dead-letter"]
    assert verdicts[1].reason.startswith("no-push-token")
    assert consent_statuses(klaviyo, ANN)["push.marketing"] == "UNSUBSCRIBED"
    assert list_emails(klaviyo, list_id) == {ANN}


async def test_a_list_that_is_gone_is_a_dead_letter(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Other lists and global changes continue; no profile is unsubscribed globally."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    await subscribe_without_list(client, email=BOB)
    items = [
        withdrawal(BOB, list_id="nowhere"),
        withdrawal(BOB, list_id="nowhere", everywhere=True),
        withdrawal(ANN, list_id=list_id),
    ]

    verdicts = await unsubscribe(client, items)

    assert verdict_names(verdicts) == ["dead-letter", "dead-letter", "delivered"]
    assert {verdict.reason for verdict in verdicts[:2]} == {"no-such-list"}
    assert is_subscribed(klaviyo, BOB)


async def test_an_odd_address_spoils_no_neighbour(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo names the malformed address; the other profiles are unsubscribed."""
    await subscribe_to_new_list(
        client, *({"email": f"p{n}@example.com"} for n in range(9))
    )
    items = [withdrawal(f"p{n}@example.com") for n in range(9)]
    items.insert(4, withdrawal("nobody"))

    verdicts = await unsubscribe(client, items)

    assert (
        verdict_names(verdicts)
        == ["delivered"] * 4 + ["dead-letter"] + ["delivered"] * 5
    )
    assert verdicts[4].status == 400
    assert not is_subscribed(klaviyo, "p8@example.com")


async def test_a_device_without_a_profile_is_on_no_list(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """The owner of a device cannot be looked up, so the consent stays."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    token = {"token": "t0ken", "platform": "android", "vendor": "fcm"}
    push = frozenset({Channel.PUSH})
    item = withdrawal(None, channels=push, push_tokens=(token,), list_id=list_id)

    verdicts = await unsubscribe(client, [item])

    assert verdict_names(verdicts) == ["discarded"]
    assert request_count(klaviyo, "POST", UNSUBSCRIBE) == 0
