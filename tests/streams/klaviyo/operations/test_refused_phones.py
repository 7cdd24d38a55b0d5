"""Consent of people whose phone number Klaviyo refuses."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from streams.actions.intents import Channel, Consent, ConsentChange
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.subscribe import subscribe
from streams.klaviyo.operations.unsubscribe import unsubscribe
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.klaviyo.accounts import (
    SUBSCRIBE,
    consent_statuses,
    list_emails,
    sandbox_account,
)
from tests.streams.klaviyo.consent_builders import BOTH, consent_change, subscription
from tests.streams.klaviyo.fakes import FakeClock, FakeServer, serving_answers
from tests.streams.klaviyo.profile_builders import (
    new_list,
    request_count,
    verdict_names,
)

REACHABLE, UNREACHABLE = "+15005550006", "+447400123456"
PHONE_POINTER = "/data/attributes/profiles/data/0/attributes/phone_number"
SMS_POINTER = "/data/attributes/profiles/data/0/attributes/subscriptions/sms/marketing"
EMAIL_POINTER = "/data/attributes/profiles/data/0/attributes/email"


@pytest.fixture
async def account(clock: FakeClock) -> AsyncIterator[tuple[Sandbox, KlaviyoClient]]:
    """Run an account that can send SMS to numbers of one country."""
    config = SandboxConfig(quota_scale=None, clock_s=clock.read, sms_prefixes=("+1",))
    async with sandbox_account(config, clock) as both:
        yield both


def person(n: int, **fields: Any) -> ConsentChange:  # noqa: ANN401  # any field
    """Build the subscription of a person to email and SMS."""
    members = {"phone_number": UNREACHABLE, "channels": BOTH, **fields}
    return subscription(email=f"p{n}@example.com", **members)


def refusal(pointer: str = "") -> web.Response:
    """Build the refusal of the first row of a request."""
    error = {"status": "400", "code": "invalid", "title": "Invalid input."}
    source = {"source": {"pointer": pointer}} if pointer else {}
    return web.json_response({"errors": [{**error, **source}]}, status=400)


@pytest.mark.parametrize(
    ("channels", "lost", "kept"),
    [
        pytest.param(BOTH, "sms.marketing", {"email.marketing"}, id="email-and-sms"),
        pytest.param(
            BOTH | {Channel.SMS_TRANSACTIONAL},
            "sms.marketing, sms.transactional",
            {"email.marketing"},
            id="two-kinds-of-sms",
        ),
        pytest.param(
            BOTH | {Channel.WHATSAPP},
            "sms.marketing, whatsapp.marketing",
            {"email.marketing"},
            id="whatsapp",
        ),
    ],
)
async def test_a_refused_number_costs_no_email_consent(
    account: tuple[Sandbox, KlaviyoClient],
    channels: frozenset[Channel],
    lost: str,
    kept: set[str],
) -> None:
    """The outcome names the channels that were left out, and why."""
    klaviyo, client = account
    list_id = await new_list(client)

    [verdict] = await subscribe(client, [person(1, channels=channels, list_id=list_id)])

    assert verdict_names([verdict]) == ["delivered"]
    assert verdict.reason.startswith(f"dropped: {lost} (invalid")
    assert verdict.attempts == 2
    assert consent_statuses(klaviyo, "p1@example.com").keys() == kept
    assert list_emails(klaviyo, list_id) == {"p1@example.com"}


async def test_the_others_of_a_batch_keep_their_numbers(
    account: tuple[Sandbox, KlaviyoClient],
) -> None:
    """The refused rows go in one request of their own."""
    klaviyo, client = account
    items = [
        person(n, phone_number=UNREACHABLE if n % 2 else f"{REACHABLE[:-1]}{n}")
        for n in range(6)
    ]

    verdicts = await subscribe(client, items)

    assert verdict_names(verdicts) == ["delivered"] * 6
    assert [bool(verdict.reason) for verdict in verdicts] == [False, True] * 3
    assert consent_statuses(klaviyo, "p0@example.com").keys() == {
        "email.marketing",
        "sms.marketing",
    }
    assert request_count(klaviyo, "POST", SUBSCRIBE) == 3


async def test_a_change_for_sms_alone_stays_refused(
    account: tuple[Sandbox, KlaviyoClient],
) -> None:
    """Without its number nothing of it would remain."""
    klaviyo, client = account

    [verdict] = await subscribe(client, [person(1, channels={Channel.SMS})])

    assert verdict_names([verdict]) == ["dead-letter"]
    assert request_count(klaviyo, "POST", SUBSCRIBE) == 1


@pytest.mark.parametrize(
    ("pointer", "verdict_name", "count"),
    [
        pytest.param(PHONE_POINTER, "delivered", 2, id="number"),
        pytest.param(SMS_POINTER, "delivered", 2, id="channel"),
        pytest.param("", "delivered", 2, id="no-pointer"),
        pytest.param(EMAIL_POINTER, "dead-letter", 1, id="email"),
        pytest.param(
            "/data/attributes/profiles/data/0/attributes/subscriptions/email",
            "dead-letter",
            1,
            id="email-channel",
        ),
    ],
)
@pytest.mark.parametrize("consent", Consent)
async def test_only_a_refusal_of_the_number_leads_to_a_second_request(
    clock: FakeClock, consent: Consent, pointer: str, verdict_name: str, count: int
) -> None:
    """A refusal without a pointer may be about the number too."""
    change = consent_change(
        consent, email="a@b.co", phone_number=UNREACHABLE, channels=BOTH
    )
    operation = subscribe if consent is Consent.SUBSCRIBED else unsubscribe
    accepted = web.Response(status=202)

    async with serving_answers(refusal(pointer), accepted, clock=clock) as served:
        client, server = served
        [verdict] = await operation(client, [change])

    assert verdict_names([verdict]) == [verdict_name]
    assert _posts(server) == count


async def test_a_change_that_is_refused_twice_keeps_its_first_reason(
    clock: FakeClock,
) -> None:
    """The first refusal says what is wrong with the change as it is."""
    change = person(1)
    answers = (refusal(PHONE_POINTER), refusal(EMAIL_POINTER))

    async with serving_answers(*answers, clock=clock) as (client, _):
        [verdict] = await subscribe(client, [change])

    assert verdict_names([verdict]) == ["dead-letter"]
    assert verdict.reason.endswith("/phone_number")
    assert verdict.attempts == 2


def _posts(server: FakeServer) -> int:
    return sum(request.method == "POST" for request in server.requests)
