"""Accounts of the sandbox with a client, and what is to be seen in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.klaviyo.api.client import KlaviyoClient
from streams.sandbox import Sandbox, SandboxConfig
from streams.sandbox.account.consent import ConsentState
from streams.sandbox.account.profiles import StoredProfile
from tests.streams.klaviyo.fakes import KEY, FakeClock

EVENTS = "/api/events"
BULK_EVENTS = "/api/event-bulk-create-jobs"
SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"


@asynccontextmanager
async def sandbox_account(
    config: SandboxConfig, clock: FakeClock
) -> AsyncIterator[tuple[Sandbox, KlaviyoClient]]:
    """Run a sandbox of that kind, and a client of it."""
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url
        ) as client,
    ):
        yield klaviyo, client


def recorded_events(klaviyo: Sandbox) -> list[tuple[str | None, str, str]]:
    """List the events: whose (external id), metric, unique id."""
    state = klaviyo.account
    return sorted(
        (
            state.profiles.by_id[event.profile_id].external_id or "",
            state.events.metrics[event.metric_id].name,
            event.unique_id,
        )
        for event in state.events.by_key.values()
    )


def find_profile(klaviyo: Sandbox, address: str) -> StoredProfile:
    """Find the profile of an email address or a phone number."""
    profiles = klaviyo.account.profiles
    field = "email" if "@" in address else "phone_number"
    (profile,) = profiles.find_owners({field: address})
    return profile


def consent_state(klaviyo: Sandbox, address: str) -> ConsentState:
    """Say what is known of somebody's consent."""
    return klaviyo.account.consents.state_of(find_profile(klaviyo, address).id)


def consent_statuses(klaviyo: Sandbox, address: str) -> dict[str, str]:
    """Say what somebody consents to: channel and purpose to status."""
    consents = consent_state(klaviyo, address).consents
    return {".".join(purpose): consent.status for purpose, consent in consents.items()}


def list_emails(klaviyo: Sandbox, list_id: str) -> set[str | None]:
    """Say who is on a list, by email."""
    state = klaviyo.account
    members = state.lists.by_id[list_id].members
    return {state.profiles.by_id[profile_id].email for profile_id in members}
