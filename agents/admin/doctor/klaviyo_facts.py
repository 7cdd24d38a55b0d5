"""Facts about Klaviyo, from requests that change nothing.

A write scope is tried with the body `{}`, which names no resource, so an endpoint can
do nothing with it but refuse it: with 403 if the key lacks the scope. Klaviyo does not
document that it looks at the key first; the sandbox does so. Endpoints that delete are
never tried.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from agents.shared.context import clock_ms
from agents.shared.klaviyo import klaviyo_connection
from streams.destination.model import Destination
from streams.doctor.klaviyo import KlaviyoFacts, Probe
from streams.doctor.scopes import UNTRIED, needed_endpoints
from streams.errors import ConfigError
from streams.klaviyo.api import endpoints
from streams.klaviyo.api.client import Transport
from streams.klaviyo.api.endpoints import Endpoint
from streams.klaviyo.api.requests import Request, build_request, get_list
from streams.klaviyo.api.responses import (
    NextPage,
    parse_page_link,
    read_signals,
    resource_attributes,
    resource_id,
    resources,
)
from streams.klaviyo.api.results import Accepted, AttemptResult
from streams.klaviyo.lookups.metrics import get_metrics
from streams.rate_limiting.pacing import Quota
from streams.settings import Settings

REQUEST_TIMEOUT_S: Final = 3.0
"""Longest wait for a response; the checks end at the first that is missing."""

GET_ACCOUNTS: Final = Endpoint(
    name="get_accounts",
    method="GET",
    path="/api/accounts",
    quota=Quota(burst_per_s=1, steady_per_min=15),
    scopes=frozenset({"accounts:read"}),
)
GET_LIST_FLOWS: Final = Endpoint(
    name="get_flows_triggered_by_list",
    method="GET",
    path="/api/lists/{id}/flow-triggers",
    quota=Quota(burst_per_s=3, steady_per_min=60),
    scopes=frozenset({"flows:read", "lists:read"}),
)
GET_METRIC_FLOWS: Final = Endpoint(
    name="get_flows_triggered_by_metric",
    method="GET",
    path="/api/metrics/{id}/flow-triggers",
    quota=endpoints.MEDIUM_QUOTA,
    scopes=frozenset({"flows:read", "metrics:read"}),
)


@dataclass(slots=True)
class _Prober:
    """Sender of single requests that measures them.

    Attributes:
        transport: An open transport.
        clock_s: How far this clock is ahead of Klaviyo's; None before a response.
    """

    transport: Transport
    clock_s: float | None = None

    async def send(self, request: Request) -> Probe:
        """Send a request once."""
        started_s = time.monotonic()
        result, headers = await self.transport.exchange(request)
        self._read_date(headers)
        signals = read_signals(request.endpoint, result, headers)
        return Probe(
            scopes=request.endpoint.scopes,
            result=result,
            latency_s=time.monotonic() - started_s,
            remaining=signals.remaining,
        )

    def _read_date(self, headers: Mapping[str, str]) -> None:
        try:
            served = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return
        self.clock_s = clock_ms() / 1000 - served.timestamp()


async def gather_klaviyo_facts(
    settings: Settings, destination: Destination
) -> tuple[KlaviyoFacts, float | None]:
    """Return the facts about Klaviyo, and how far this clock is ahead of Klaviyo's."""
    try:
        transport = Transport(
            api_key=settings.klaviyo_api_key.reveal(),
            base_url=settings.klaviyo_url,
            timeout_s=REQUEST_TIMEOUT_S,
            connection=klaviyo_connection(settings),
        )
    except ConfigError as error:
        return KlaviyoFacts(problem="; ".join(error.problems)), None
    transport.open()
    prober = _Prober(transport)
    try:
        return await _gather(prober, destination), prober.clock_s
    finally:
        await transport.close()


async def _gather(prober: _Prober, destination: Destination) -> KlaviyoFacts:
    account = await prober.send(build_request(GET_ACCOUNTS))
    if not isinstance(account.result, Accepted) and account.result.status != 403:
        return KlaviyoFacts(account=account)
    needed = needed_endpoints(destination)
    requests = [
        build_request(endpoint, body=b"" if endpoint.method == "GET" else b"{}")
        for endpoint in needed
        if endpoint.name not in UNTRIED
    ]
    probes = await asyncio.gather(*map(prober.send, requests))
    ids = {rule.list_id for rule in destination.audiences.values() if rule.list_id}
    lists = {id_: (await prober.send(get_list(id_))).result for id_ in sorted(ids)}
    metric_ids = await _fetch_metrics(prober)
    return KlaviyoFacts(
        account=account,
        probes=probes,
        untried=tuple(one.scopes for one in needed if one.name in UNTRIED),
        lists=lists,
        opt_ins=_opt_ins(lists),
        metrics=None if metric_ids is None else frozenset(metric_ids),
        flows=await _fetch_flows(prober, destination, lists, metric_ids or {}),
    )


async def _fetch_metrics(prober: _Prober) -> dict[str, str] | None:
    """Return the ids of the metrics by name; None if they cannot be listed."""
    ids: dict[str, str] = {}
    request: Request | None = get_metrics()
    while request is not None:
        answer = (await prober.send(request)).result
        if not isinstance(answer, Accepted):
            return None
        for row in resources(answer.data):
            ids[str(resource_attributes(row).get("name"))] = resource_id(row)
        link = parse_page_link(answer.data)
        request = (
            request.with_cursor(link.cursor) if isinstance(link, NextPage) else None
        )
    return ids


async def _fetch_flows(
    prober: _Prober,
    destination: Destination,
    lists: Mapping[str, AttemptResult],
    metric_ids: Mapping[str, str],
) -> dict[str, list[str]]:
    flows = {}
    subjects = [(list_id, GET_LIST_FLOWS, list_id) for list_id in lists] + [
        (name, GET_METRIC_FLOWS, metric_ids[name])
        for name in destination.metrics
        if name in metric_ids
    ]
    for subject, endpoint, id_ in subjects:
        probe = await prober.send(build_request(endpoint, resource_id=id_))
        if isinstance(probe.result, Accepted):
            rows = map(resource_attributes, resources(probe.result.data))
            flows[subject] = [str(f["name"]) for f in rows if f.get("status") == "live"]
    return flows


def _opt_ins(lists: Mapping[str, AttemptResult]) -> dict[str, str]:
    opt_ins = {}
    for list_id, result in lists.items():
        if isinstance(result, Accepted):
            data = result.data.get("data")
            attributes = resource_attributes(data) if isinstance(data, dict) else {}
            opt_ins[list_id] = str(attributes.get("opt_in_process", "unknown"))
    return opt_ins
