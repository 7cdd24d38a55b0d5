"""People for tests, and what the sandbox knows of them."""

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.lists import create_list
from streams.klaviyo.results import ListGone
from streams.sandbox import Sandbox

Profiles = list[dict[str, object]]


def people(count: int, *, of: str = "user") -> Profiles:
    """Make profiles, each with an external id and an email."""
    return [
        {"external_id": f"{of}-{n}", "email": f"{of}+{n}@example.com"}
        for n in range(count)
    ]


async def new_list(client: KlaviyoClient, name: str = "VIP") -> str:
    """Create a list."""
    list_id = await create_list(client, name)
    assert isinstance(list_id, str)
    return list_id


def members(klaviyo: Sandbox, list_id: str) -> set[str | None]:
    """Ask the sandbox who is on a list, by external id."""
    state = klaviyo.state
    joined = state.lists.by_id[list_id].members
    return {state.profiles.by_id[one].external_id for one in joined}


def requested(klaviyo: Sandbox, method: str = "", path: str = "") -> int:
    """Count requests the sandbox received."""
    counts = klaviyo.state.log.counts
    return sum(n for (m, p, _), n in counts.items() if method in m and path in p)


def endings(verdicts: list[ItemVerdict] | ListGone) -> list[str]:
    """Name what became of each item."""
    assert isinstance(verdicts, list)
    return [verdict.verdict.value for verdict in verdicts]
