"""People who join lists and leave them."""

from typing import Any

from aiohttp import web

from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.consent_items import (
    Channel,
    SubscribeItem,
    UnsubscribeItem,
)
from streams.klaviyo.consents import subscribe
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import (
    consents,
    standing,
)
from tests.streams.klaviyo.people import endings, new_list

EMAIL = frozenset({Channel.EMAIL})
BOTH = frozenset({Channel.EMAIL, Channel.SMS})
PHONE = "+15005550006"
ANN = "ann@example.com"
BOB = "bob@example.com"


def leaver(email: str | None = ANN, **members: Any) -> UnsubscribeItem:  # noqa: ANN401  # any member
    """Make somebody who unsubscribes from email."""
    given: dict[str, Any] = {"email": email, "channels": EMAIL}
    return UnsubscribeItem(**given | members)


async def joined(client: KlaviyoClient, *people: dict[str, Any]) -> str:
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
    assert endings(verdicts) == ["delivered"] * len(people)
    return list_id


async def apart_from(client: KlaviyoClient, **person: Any) -> None:  # noqa: ANN401  # any address
    """Subscribe somebody to no list."""
    channels = EMAIL if "email" in person else frozenset({Channel.SMS})
    await subscribe(client, [SubscribeItem(channels=channels, **person)])


def listing(*emails: str) -> web.Response:
    """Answer with members of a list."""
    rows = [{"id": email, "attributes": {"email": email}} for email in emails]
    return web.json_response({"data": rows})


def is_subscribed(klaviyo: Sandbox, email: str) -> bool:
    """Say whether email still reaches somebody, whatever list they left."""
    reached = consents(klaviyo, email)["email.marketing"] == "SUBSCRIBED"
    return reached and "UNSUBSCRIBE" not in standing(klaviyo, email).suppressions
