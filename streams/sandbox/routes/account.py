"""The account itself, its metrics, its flows, and the right to be forgotten."""

from streams.sandbox import attributes, bodies, filters, pages, render
from streams.sandbox.calls import Answer, Call, Json
from streams.sandbox.errors import Refusal, not_found, refuse
from streams.sandbox.flows import Flow
from streams.sandbox.routes.lists import find as find_list
from streams.sandbox.times import iso
from streams.sandbox.world import World

METRIC_FILTERS = {
    "integration.name": frozenset({"equals"}),
    "integration.category": frozenset({"equals"}),
}
"""`get_metrics`, parameter `filter`."""


def accounts(_: World, call: Call) -> Answer:
    """`GET /api/accounts`: the one account of the key."""
    account = render.resource(
        call, "account", "SBXacc", path="accounts", attributes=dict(_ACCOUNT)
    )
    return Answer(body={"data": [account], "links": {"self": _here(call)}})


_ACCOUNT: Json = {
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


def metrics(world: World, call: Call) -> Answer:
    """`GET /api/metrics`."""
    text = call.query.get("filter", "")
    conditions = filters.parse(text, allowed=METRIC_FILTERS)
    found = [
        metric
        for metric in world.events.metrics.values()
        if all(
            filters.holds(one, render.INTEGRATION[one.field.split(".")[1]])
            for one in conditions
        )
    ]
    page, links = pages.paginate(
        call, found, key=lambda metric: [metric.seq], sizes=pages.METRICS
    )
    data = [render.metric(call, metric) for metric in page]
    return Answer(body={"data": data, "links": links})


def flows_of_list(world: World, call: Call) -> Answer:
    """`GET /api/lists/{id}/flow-triggers`."""
    return _flows(world, call, trigger=find_list(world, call.path_id).id)


def flows_of_metric(world: World, call: Call) -> Answer:
    """`GET /api/metrics/{id}/flow-triggers`."""
    if call.path_id not in world.events.metrics:
        raise Refusal([not_found("metric", call.path_id, parameter="id")])
    return _flows(world, call, trigger=call.path_id)


def request_deletion(world: World, call: Call) -> Answer:
    """`POST /api/data-privacy-deletion-jobs`: 202, known or not."""
    job = bodies.resource(call.body, kind="data-privacy-deletion-job")
    given = bodies.member(job, "attributes", pointer="/data")
    pointer = "/data/attributes/profile"
    profile = bodies.member(given, "profile", pointer="/data/attributes")
    item = bodies.member(profile, "data", pointer=pointer)
    bodies.typed(item, kind="profile", pointer=f"{pointer}/data")
    item.setdefault("attributes", {})
    attributes.check_resource(item, pointer=f"{pointer}/data")
    who = {"id": item.get("id"), **item["attributes"]}
    if [name for name, value in who.items() if value] not in _ONE_IDENTIFIER:
        raise refuse("Give exactly one of id, email, phone_number.", pointer=pointer)
    world.settle(lambda _: _delete(world, who), now_s=call.now_s)
    return Answer(status=202, items=1)


_ONE_IDENTIFIER = (["id"], ["email"], ["phone_number"])


def _delete(world: World, who: Json) -> None:
    profile = world.profiles.by_id.get(who["id"] or "")
    for one in [profile] if profile else world.profiles.owners(who):
        world.events.forget(one.id)
        world.remove_profile(one)


def _flows(world: World, call: Call, *, trigger: str) -> Answer:
    data = [
        _flow(call, flow)
        for flow in world.flows.by_id.values()
        if flow.trigger == trigger
    ]
    return Answer(body={"data": data, "links": {"self": _here(call)}})


def _flow(call: Call, flow: Flow) -> Json:
    return render.resource(
        call,
        "flow",
        flow.id,
        path="flows",
        attributes={
            "name": flow.name,
            "status": flow.status,
            "archived": False,
            "created": iso(flow.created_s),
            "updated": iso(flow.created_s),
            "trigger_type": flow.trigger_type,
        },
        related=("flow-actions", "tags"),
    )


def _here(call: Call) -> str:
    return f"{call.base_url}{call.path}"
