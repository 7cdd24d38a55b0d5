"""Account, metrics and flows: the parts of the account that are only read."""

from streams.sandbox.account.account import Account
from streams.sandbox.account.events import Flow
from streams.sandbox.jsonapi import filters, pagination
from streams.sandbox.jsonapi.errors import ErrorResponse, not_found
from streams.sandbox.jsonapi.messages import HandlerResponse, JsonObject, ParsedRequest
from streams.sandbox.jsonapi.resources import render_resource
from streams.sandbox.jsonapi.times import to_iso
from streams.sandbox.routes import render
from streams.sandbox.routes.lists import find as find_list

METRIC_FILTERS = {
    "integration.name": frozenset({"equals"}),
    "integration.category": frozenset({"equals"}),
}
"""`get_metrics`, parameter `filter`."""


def get_accounts(_: Account, request: ParsedRequest) -> HandlerResponse:
    """Return the only account of the key: `GET /api/accounts`."""
    account = render_resource(
        request, "account", "SBXacc", path="accounts", attributes=dict(_ACCOUNT)
    )
    return HandlerResponse(
        body={"data": [account], "links": {"self": _self_link(request)}}
    )


_ACCOUNT: JsonObject = {
    "test_account": True,
    "contact_information": {
        "default_sender_name": "Sandbox",
        "default_sender_email": "sandbox@example.com",
        "website_url": "https://example.com",
        "organization_name": "Sandbox",
        "street_address": dict.fromkeys(
            ("address1", "address2", "city", "region", "country", "zip")
        ),
    },
    "industry": "Software / SaaS",
    "timezone": "UTC",
    "preferred_currency": "USD",
    "public_api_key": "SBXacc",
    "locale": "en-US",
}


def get_metrics(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return the metrics, filtered by integration: `GET /api/metrics`."""
    text = request.query.get("filter", "")
    conditions = filters.parse(text, allowed=METRIC_FILTERS)
    metrics = [
        metric
        for metric in account.events.metrics.values()
        if all(
            filters.matches(
                condition, render.INTEGRATION[condition.field.split(".")[1]]
            )
            for condition in conditions
        )
    ]
    page, links = pagination.paginate(
        request, metrics, key=lambda metric: [metric.seq], sizes=pagination.METRIC_PAGES
    )
    data = [render.render_metric(request, metric) for metric in page]
    return HandlerResponse(body={"data": data, "links": links})


def get_list_flows(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return the flows of a list: `GET /api/lists/{id}/flow-triggers`."""
    return _get_flows(account, request, trigger=find_list(account, request.path_id).id)


def get_metric_flows(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return the flows of a metric: `GET /api/metrics/{id}/flow-triggers`."""
    if request.path_id not in account.events.metrics:
        raise ErrorResponse([not_found("metric", request.path_id, parameter="id")])
    return _get_flows(account, request, trigger=request.path_id)


def _get_flows(
    account: Account, request: ParsedRequest, *, trigger: str
) -> HandlerResponse:
    data = [
        _render_flow(request, flow)
        for flow in account.flows.by_id.values()
        if flow.trigger_id == trigger
    ]
    return HandlerResponse(body={"data": data, "links": {"self": _self_link(request)}})


def _render_flow(request: ParsedRequest, flow: Flow) -> JsonObject:
    return render_resource(
        request,
        "flow",
        flow.id,
        path="flows",
        attributes={
            "name": flow.name,
            "status": flow.status,
            "archived": False,
            "created": to_iso(flow.created_s),
            "updated": to_iso(flow.created_s),
            "trigger_type": flow.trigger_type,
        },
        relationships=("flow-actions", "tags"),
    )


def _self_link(request: ParsedRequest) -> str:
    return f"{request.base_url}{request.path}"
