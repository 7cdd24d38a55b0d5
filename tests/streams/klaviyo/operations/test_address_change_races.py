"""Tests of a subscription that arrives while the address of a person changes."""

from dataclasses import replace

import pytest

from streams.actions.intents import Consent, ConsentChange, ProfileUpsert
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.results import FinalResult
from streams.klaviyo.execute import upsert_without_list
from streams.klaviyo.operations.list_unsubscribe import JOB_SETTLE_S
from streams.klaviyo.operations.subscribe import subscribe
from streams.klaviyo.operations.upserts import upsert_profiles
from streams.sandbox import Sandbox
from streams.sandbox.account.consent import EMAIL_MARKETING
from tests.streams.klaviyo.fakes import FakeClock

OLD, NEW = "old@x.io", "new@x.io"
CHANGE = ProfileUpsert(
    profile={"external_id": "a", "email": NEW}, previous_emails=(OLD,)
)


class _SubscribingClient(FailFastClient):
    """Sends a subscription of the new address after some requests of the change."""

    def __init__(self, client: KlaviyoClient, *, after: int) -> None:
        super().__init__(client)
        self.jobs = client.jobs
        self._klaviyo = client
        self._requests_left = after

    async def call(self, request: Request) -> FinalResult:
        """Send a request, and the subscription before it if its turn has come."""
        self._requests_left -= 1
        if self._requests_left == -1:
            subscription = ConsentChange(
                consent=Consent.SUBSCRIBED,
                profile={"email": NEW},
                channels=("email.marketing",),
            )
            await subscribe(self._klaviyo, [subscription])
        return await super().call(request)


@pytest.mark.parametrize("rule", ["stays-with-profile", "goes-with-address"])
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_subscription_of_a_moment_ago_stays(
    client: KlaviyoClient, klaviyo: Sandbox, clock: FakeClock, rule: str, after: int
) -> None:
    """Klaviyo accepts a subscription before it can be read."""
    klaviyo.account.switches.set_values({"email_change_consent": rule})
    klaviyo.account.config = replace(klaviyo.account.config, apply_delay_s=5)
    await upsert_profiles(client, [{"external_id": "a", "email": OLD}])
    [ada] = klaviyo.account.profiles.find_owners({"email": OLD})
    consents, an_hour_ago_s = klaviyo.account.consents, clock.now_s - 3600
    consents.unsubscribe(ada.id, EMAIL_MARKETING, now_s=an_hour_ago_s)

    await upsert_without_list(_SubscribingClient(client, after=after), [CHANGE])
    await client.pause(JOB_SETTLE_S)

    [ada] = klaviyo.account.profiles.find_owners({"email": NEW})
    state = consents.state_of(ada.id)
    assert state.status(EMAIL_MARKETING) == "SUBSCRIBED"
