"""People who join lists and leave them."""

from typing import Any

from aiohttp import web

from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.operations.subscribe import subscribe
from streams.klaviyo.payloads.consent_items import (
    Channel,
    SubscribeItem,
    UnsubscribeItem,
)
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import (
    consent_state,
    consent_statuses,
)
from tests.streams.klaviyo.profile_builders import new_list, verdict_names

EMAIL = frozenset({Channel.EMAIL})
BOTH = frozenset({Channel.EMAIL, Channel.SMS})
PHONE = "+15005550006"
ANN = "ann@example.com"
BOB = "bob@example.com"


def unsubscribe_item(email: str | None = ANN, **fields: Any) -> UnsubscribeItem:  # noqa: ANN401  # any member
    """Make somebody who unsubscribes from email."""
    defaults: dict[str, Any] = {"email": email, "channels": EMAIL}
    return UnsubscribeItem(**defaults | fields)


async def subscribe_to_new_list(client: KlaviyoClient, *people: dict[str, Any]) -> str:
    """Make a list and subscribe people to it, by whatever address they have."""
    list_id = await new_list(client)
    addresses = {"email": Channel.EMAIL, "phone_number": Channel.SMS}
    verdicts = await subscribe(
        client,
        [
            SubscribeItem(
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
    """Subscribe somebody to no list."""
    channels = EMAIL if "email" in person else frozenset({Channel.SMS})
    await subscribe(client, [SubscribeItem(channels=channels, **person)])


def members_response(*emails: str) -> web.Response:
    """Answer with members of a list."""
    rows = [{"id": email, "attributes": {"email": email}} for email in emails]
    return web.json_response({"data": rows})


def is_subscribed(klaviyo: Sandbox, email: str) -> bool:
    """Say whether email still reaches somebody, whatever list they left."""
    has_consent = consent_statuses(klaviyo, email)["email.marketing"] == "SUBSCRIBED"
    return (
        has_consent and "UNSUBSCRIBE" not in consent_state(klaviyo, email).suppressions
    )
