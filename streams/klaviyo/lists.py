"""Lists: found by name, created, asked for."""

from collections.abc import Mapping
from typing import Any

from streams.errors import EngineError
from streams.klaviyo import requests
from streams.klaviyo.answers import (
    Accepted,
    OperatorFault,
    Temporary,
    Throttled,
)
from streams.klaviyo.caller import Caller
from streams.klaviyo.pages import all_pages
from streams.klaviyo.quotas import DAILY_WAIT_S
from streams.klaviyo.responses import attributes_of, id_in, id_of, resources
from streams.klaviyo.results import DailyQuota, ListRefused


async def find_list(client: Caller, name: str) -> str | None:
    """Find the list of exactly that name; of several the oldest.

    Returns:
        Klaviyo's id; None when there is none.
    """
    answer = await all_pages(client, requests.lists_named(name))
    if not isinstance(answer, Accepted):
        raise EngineError(f"lists cannot be searched: {answer.reason}")
    named = (row for row in resources(answer.data) if _name(row) == name and id_of(row))
    return min(((_created(row), id_of(row)) for row in named), default=("", None))[1]


async def create_list(client: Caller, name: str) -> str | DailyQuota | ListRefused:
    """Create a list; names are not unique, so look with `find_list` first.

    An answer that was lost is looked up by name before anything is sent again, so one
    call creates one list.

    Returns:
        Klaviyo's id; or why there is none.
    """
    request = requests.create_list(name)
    while True:
        answer = await client.attempt(request)
        match answer:
            case Accepted() if id_in(answer.data):
                return id_in(answer.data)
            case Throttled(retry_after_s=wait_s) if wait_s > DAILY_WAIT_S:
                return DailyQuota(retry_after_s=wait_s)
            case Accepted() | Temporary():
                found = await find_list(client, name)
                if found is not None:
                    return found
            case Throttled() | OperatorFault():
                pass
            case refusal:
                return ListRefused(reason=refusal.reason, status=refusal.status)


async def list_exists(client: Caller, list_id: str) -> bool:
    """Ask whether a list exists."""
    return isinstance(await client.call(requests.get_list(list_id)), Accepted)


def _name(row: Mapping[str, Any]) -> object:
    return attributes_of(row).get("name")


def _created(row: Mapping[str, Any]) -> str:
    return str(attributes_of(row).get("created") or "")
