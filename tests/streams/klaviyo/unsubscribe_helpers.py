"""Helpers for tests about joining and leaving lists."""

from typing import Any

from aiohttp import web

from streams.actions.intents import Channel, Consent, ConsentChange
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.subscribe import subscribe
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import (
    consent_state,
    consent_statuses,
)
from tests.streams.klaviyo.consent_builders import (
    EMAIL,
    consent_change,
    subscription,
)
from tests.streams.klaviyo.profile_builders import new_list, verdict_names

PHONE = "+15005550006"
ANN = "ann@example.com"
BOB = "bob@example.com"


def withdrawal(email: str | None = ANN, **fields: Any) -> ConsentChange:  # noqa: ANN401  # any field
    """Build a consent change that unsubscribes a profile, by default from email."""
    return consent_change(Consent.UNSUBSCRIBED, email=email, **fields)


async def subscribe_to_new_list(client: KlaviyoClient, *people: dict[str, Any]) -> str:
    """Create a list, and subscribe people by the addresses of each person."""
    list_id = await new_list(client)
    addresses = {"email": Channel.EMAIL, "phone_number": Channel.SMS}
    verdicts = await subscribe(
        client,
        [
            subscription(
                list_id=list_id,
                channels=frozenset(addresses[name] for name in person),
                **person,
            )
            for person in people
        ],
    )
    assert verdict_names(verdicts) == ["delivered"] * len(people)
    return list_id


async def subscribe_without_list(client: KlaviyoClient, **person: Any) -> None:  # noqa: ANN401  # any address
    """Subscribe a person without a list."""
    channels = EMAIL if "email" in person else frozenset({Channel.SMS})
    await subscribe(client, [subscription(channels=channels, **person)])


def members_response(*emails: str) -> web.Response:
    """Build a response that lists members."""
    rows = [{"id": email, "attributes": {"email": email}} for email in emails]
    return web.json_response({"data": rows})


def is_subscribed(klaviyo: Sandbox, email: str) -> bool:
    """Return True if a profile still receives email from other lists."""
    has_consent = consent_statuses(klaviyo, email)["email.marketing"] == "SUBSCRIBED"
    return (
        has_consent and "UNSUBSCRIBE" not in consent_state(klaviyo, email).suppressions
    )
