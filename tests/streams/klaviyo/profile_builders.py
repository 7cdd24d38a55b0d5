"""Builders of profiles for tests, and queries about the sandbox."""

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.lookups.lists import create_list
from streams.sandbox import Sandbox

Profiles = list[dict[str, object]]


def make_profiles(count: int, *, prefix: str = "user") -> Profiles:
    """Build profiles, each with an external id and an email."""
    return [
        {"external_id": f"{prefix}-{n}", "email": f"{prefix}+{n}@example.com"}
        for n in range(count)
    ]


async def new_list(client: KlaviyoClient, name: str = "VIP") -> str:
    """Create a list through the client."""
    list_id = await create_list(client, name)
    assert isinstance(list_id, str)
    return list_id


def member_external_ids(klaviyo: Sandbox, list_id: str) -> set[str | None]:
    """Return the external ids of the members of a list."""
    state = klaviyo.account
    members = state.lists.by_id[list_id].members
    return {state.profiles.by_id[profile_id].external_id for profile_id in members}


def request_count(klaviyo: Sandbox, method: str = "", path: str = "") -> int:
    """Count the requests that the sandbox received."""
    counts = klaviyo.account.request_log.request_counts
    return sum(n for (m, p, _), n in counts.items() if method in m and path in p)


def verdict_names(verdicts: list[ItemVerdict] | ListGone) -> list[str]:
    """Return the name of each verdict."""
    assert isinstance(verdicts, list)
    return [verdict.verdict.value for verdict in verdicts]
