"""Sandbox accounts with a client, and queries about an account."""

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
    """Run a sandbox with this configuration, and a client for the sandbox."""
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=klaviyo.url
        ) as client,
    ):
        yield klaviyo, client


def recorded_events(klaviyo: Sandbox) -> list[tuple[str | None, str, str]]:
    """Return external id, metric and unique id of each recorded event."""
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
    """Return the profile with an email address or a phone number."""
    profiles = klaviyo.account.profiles
    field = "email" if "@" in address else "phone_number"
    (profile,) = profiles.find_owners({field: address})
    return profile


def consent_state(klaviyo: Sandbox, address: str) -> ConsentState:
    """Return the consent state of the profile with an address."""
    return klaviyo.account.consents.state_of(find_profile(klaviyo, address).id)


def consent_statuses(klaviyo: Sandbox, address: str) -> dict[str, str]:
    """Return the consent status for each channel and purpose of a profile."""
    consents = consent_state(klaviyo, address).consents
    return {".".join(purpose): consent.status for purpose, consent in consents.items()}


def list_emails(klaviyo: Sandbox, list_id: str) -> set[str | None]:
    """Return the email addresses of the members of a list."""
    state = klaviyo.account
    members = state.lists.by_id[list_id].members
    return {state.profiles.by_id[profile_id].email for profile_id in members}
