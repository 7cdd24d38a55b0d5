"""Each member leaves a list with one request, whatever responses are lost."""

import pytest
from aiohttp import web

from streams.actions.intents import Channel
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.unsubscribe import unsubscribe
from streams.sandbox import Fault, FaultKind, Sandbox, SandboxConfig
from tests.streams.klaviyo.accounts import (
    UNSUBSCRIBE,
    consent_statuses,
    list_emails,
    sandbox_account,
)
from tests.streams.klaviyo.consent_builders import BOTH
from tests.streams.klaviyo.fakes import FakeClock, serving_answers
from tests.streams.klaviyo.profile_builders import request_count, verdict_names
from tests.streams.klaviyo.unsubscribe_helpers import (
    ANN,
    BOB,
    PHONE,
    is_subscribed,
    members_response,
    subscribe_to_new_list,
    withdrawal,
)


async def test_a_member_with_several_changes_is_not_unsubscribed_globally(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo receives a member with two addresses and five changes once."""
    list_id = await subscribe_to_new_list(client, {"email": ANN, "phone_number": PHONE})
    sms = frozenset({Channel.SMS})
    items = [
        withdrawal(list_id=list_id),
        withdrawal(list_id=list_id),
        withdrawal(None, phone_number=PHONE, channels=sms, list_id=list_id),
        withdrawal(phone_number=PHONE, channels=BOTH, list_id=list_id),
        withdrawal(ANN.title(), list_id=list_id),
    ]

    verdicts = await unsubscribe(client, items)

    assert verdict_names(verdicts) == ["delivered", "discarded"] + ["delivered"] * 3
    assert is_subscribed(klaviyo, ANN)
    assert consent_statuses(klaviyo, ANN)["sms.marketing"] == "UNSUBSCRIBED"
    assert not list_emails(klaviyo, list_id)
    assert request_count(klaviyo, "POST", UNSUBSCRIBE) == 1


@pytest.mark.parametrize(
    "kind", [FaultKind.CUT, FaultKind.CUT_BEFORE, FaultKind.SERVER_ERROR]
)
@pytest.mark.parametrize("settle_s", [0.0, 5.0])
@pytest.mark.parametrize("everywhere", [False, True], ids=["", "everywhere"])
async def test_a_lost_answer_unsubscribes_nobody_globally(
    clock: FakeClock, kind: FaultKind, *, settle_s: float, everywhere: bool
) -> None:
    """Members are looked up before the request is sent again, early or late.

    The switch `everywhere` concerns other profiles only.
    """
    config = SandboxConfig(quota_scale=None, clock_s=clock.read, apply_delay_s=settle_s)
    async with sandbox_account(config, clock) as (klaviyo, client):
        list_id = await subscribe_to_new_list(client, {"email": ANN}, {"email": BOB})
        clock.now_s += settle_s
        klaviyo.add_fault(Fault(kind=kind, path=UNSUBSCRIBE, count=1))
        items = [
            withdrawal(email, list_id=list_id, everywhere=everywhere)
            for email in (ANN, BOB)
        ]

        verdicts = await unsubscribe(client, items)

        clock.now_s += settle_s
        klaviyo.account.apply_due()
        assert verdict_names(verdicts) == ["delivered"] * 2
        assert not list_emails(klaviyo, list_id)
        assert is_subscribed(klaviyo, ANN)
        assert is_subscribed(klaviyo, BOB)


async def test_after_a_lost_answer_the_rejected_member_is_identified(
    clock: FakeClock,
) -> None:
    """The rejected member of the second request is identified in the batch."""
    emails = ["p0@example.com", "p1@example.com", "p2@example.com"]
    pointer = "/data/attributes/profiles/data/1/attributes/email"
    refusal = {"errors": [{"code": "invalid", "source": {"pointer": pointer}}]}
    answers = [
        members_response(*emails),
        None,
        members_response(*emails[1:]),
        web.json_response(refusal, status=400),
        web.Response(status=202),
    ]
    async with serving_answers(*answers, clock=clock) as (client, server):
        items = [withdrawal(email, list_id="L") for email in emails]

        verdicts = await unsubscribe(client, items)

        assert verdict_names(verdicts) == ["delivered", "delivered", "dead-letter"]
        methods = [request.method for request in server.requests]
        assert methods == ["GET", "POST", "GET", "POST", "POST"]


async def test_a_throttled_request_is_sent_again_without_a_lookup(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """A throttled request was not carried out, so no lookup is needed."""
    list_id = await subscribe_to_new_list(client, {"email": ANN})
    klaviyo.add_fault(Fault(kind=FaultKind.THROTTLED, path=UNSUBSCRIBE, count=2))
    before = request_count(klaviyo, "GET")

    verdicts = await unsubscribe(client, [withdrawal(list_id=list_id)])

    assert verdict_names(verdicts) == ["delivered"]
    assert request_count(klaviyo, "GET") - before == 1
    assert is_subscribed(klaviyo, ANN)


async def test_a_list_deleted_at_the_last_moment_is_a_dead_letter(
    clock: FakeClock,
) -> None:
    """A list that disappears after the lookup is no fault of the members."""
    gone = web.json_response({"errors": [{"code": "not_found"}]}, status=404)
    again = web.json_response({"errors": [{"code": "not_found"}]}, status=404)
    answers = [members_response(ANN, BOB), gone, again]
    async with serving_answers(*answers, clock=clock) as (client, server):
        verdicts = await unsubscribe(
            client, [withdrawal(verdict, list_id="L") for verdict in (ANN, BOB)]
        )

        assert [verdict.reason for verdict in verdicts] == ["no-such-list"] * 2
        assert len(server.requests) == 3


async def test_an_address_that_cannot_be_looked_up_is_a_dead_letter(
    clock: FakeClock,
) -> None:
    """An unknown membership leads to no unsubscription."""
    refused = web.json_response({"errors": [{"code": "invalid"}]}, status=400)
    exists = web.json_response({"data": {"id": "L"}})
    async with serving_answers(refused, exists, clock=clock) as (client, server):
        verdicts = await unsubscribe(client, [withdrawal("odd", list_id="L")])

        assert verdict_names(verdicts) == ["dead-letter"]
        assert verdicts[0].status == 400
        assert {request.method for request in server.requests} == {"GET"}


async def test_members_with_another_spelling_are_looked_up_separately(
    clock: FakeClock,
) -> None:
    """Two members in another spelling are looked up separately."""
    answers = [
        members_response("x@example.com", "y@example.com"),
        web.json_response({"data": {"id": "L"}}),
        members_response("y@example.com"),
        members_response(),
    ]
    async with serving_answers(*answers, clock=clock) as (client, server):
        verdicts = await unsubscribe(
            client, [withdrawal(request, list_id="L") for request in (ANN, BOB)]
        )

        assert sorted(verdict_names(verdicts)) == ["delivered", "discarded"]
        assert [request.method for request in server.requests].count("POST") == 1
