"""Lists: found by name, created, asked for."""

from collections.abc import Mapping
from typing import Any

from streams.errors import EngineError
from streams.klaviyo.api import requests
from streams.klaviyo.api.endpoints import DAILY_RETRY_AFTER_MIN_S
from streams.klaviyo.api.pagination import fetch_all_pages
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.responses import (
    resource_attributes,
    resource_id,
    resources,
    single_resource_id,
)
from streams.klaviyo.api.results import (
    Accepted,
    DailyQuotaExhausted,
    ListNameRejected,
    OperatorFault,
    Temporary,
    Throttled,
)


async def find_list(client: KlaviyoApi, name: str) -> str | None:
    """Find the list of exactly that name; of several the oldest.

    Returns:
        Klaviyo's id; None when there is none.
    """
    answer = await fetch_all_pages(client, requests.find_lists(name))
    if not isinstance(answer, Accepted):
        raise EngineError(f"lists cannot be searched: {answer.reason}")
    matches = (
        row for row in resources(answer.data) if _name(row) == name and resource_id(row)
    )
    return min(
        ((_created(row), resource_id(row)) for row in matches), default=("", None)
    )[1]


async def create_list(
    client: KlaviyoApi, name: str
) -> str | DailyQuotaExhausted | ListNameRejected:
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
            case Accepted() if single_resource_id(answer.data):
                return single_resource_id(answer.data)
            case Throttled(retry_after_s=wait_s) if wait_s > DAILY_RETRY_AFTER_MIN_S:
                return DailyQuotaExhausted(retry_after_s=wait_s)
            case Accepted() | Temporary():
                existing_id = await find_list(client, name)
                if existing_id is not None:
                    return existing_id
            case Throttled() | OperatorFault():
                pass
            case refusal:
                return ListNameRejected(reason=refusal.reason, status=refusal.status)


def _name(row: Mapping[str, Any]) -> object:
    return resource_attributes(row).get("name")


def _created(row: Mapping[str, Any]) -> str:
    return str(resource_attributes(row).get("created") or "")
