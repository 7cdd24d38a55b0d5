"""Accounts of the sandbox with a client, and what is to be seen in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.klaviyo.client import KlaviyoClient
from streams.sandbox import Sandbox, SandboxConfig
from streams.sandbox.profiles import Profile
from streams.sandbox.standing import Standing
from tests.streams.klaviyo.fakes import KEY, FakeClock

EVENTS = "/api/events"
BULK_EVENTS = "/api/event-bulk-create-jobs"
SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"


@asynccontextmanager
async def account(
    config: SandboxConfig, clock: FakeClock
) -> AsyncIterator[tuple[Sandbox, KlaviyoClient]]:
    """Run a sandbox of that kind, and a client of it."""
    async with (
        Sandbox(config) as klaviyo,
        KlaviyoClient(
            api_key=KEY, timing=clock.timing(), base_url=klaviyo.url
        ) as client,
    ):
        yield klaviyo, client


def recorded(klaviyo: Sandbox) -> list[tuple[str | None, str, str]]:
    """List the events: whose (external id), metric, unique id."""
    state = klaviyo.state
    return sorted(
        (
            state.profiles.by_id[event.profile_id].external_id or "",
            state.events.metrics[event.metric_id].name,
            event.unique_id,
        )
        for event in state.events.by_key.values()
    )


def whose(klaviyo: Sandbox, address: str) -> Profile:
    """Find the profile of an email address or a phone number."""
    profiles = klaviyo.state.profiles
    field = "email" if "@" in address else "phone_number"
    (found,) = profiles.owners({field: address})
    return found


def standing(klaviyo: Sandbox, address: str) -> Standing:
    """Say what is known of somebody's consent."""
    return klaviyo.state.consents.of(whose(klaviyo, address).id)


def consents(klaviyo: Sandbox, address: str) -> dict[str, str]:
    """Say what somebody consents to: channel and purpose to status."""
    found = standing(klaviyo, address).consents
    return {".".join(purpose): consent.status for purpose, consent in found.items()}


def on_list(klaviyo: Sandbox, list_id: str) -> set[str | None]:
    """Say who is on a list, by email."""
    state = klaviyo.state
    joined = state.lists.by_id[list_id].members
    return {state.profiles.by_id[one].email for one in joined}
