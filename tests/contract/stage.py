"""What stands in the sandbox before a contract test, and bodies to send."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from klaviyo_api import KlaviyoAPI

from streams.sandbox import Fault, FaultKind, Sandbox

Body: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Ids of what stands there.

    Attributes:
        sdk: Klaviyo's client.
        profile: A profile on the list, email `ann+1@example.com`.
        other: Another profile, on no list.
        list: A list.
        job: A finished import job with one error.
        metric: A metric with one event and one flow.
    """

    sdk: KlaviyoAPI
    profile: str
    other: str
    list: str
    job: str
    metric: str


def build(sandbox: Sandbox, sdk: KlaviyoAPI) -> Stage:
    """Put everything in its place."""
    world = sandbox.state
    now_s = sandbox.config.clock_s()
    ann = world.profiles.create({"email": "ann+1@example.com"}, now_s=now_s)
    bob = world.profiles.create({"external_id": "bob"}, now_s=now_s)
    made = world.lists.create("Fans", opt_in_process="single_opt_in", now_s=now_s)
    world.lists.join(made, [ann], now_s=now_s)
    sandbox.fail(Fault(kind=FaultKind.IMPORT_ERRORS, items=1, count=1))
    job = world.submit_import(
        [profile(email="bad@example.com"), profile(email="ann+1@example.com")],
        list_ids=(made.id,),
        now_s=now_s,
    )
    world.advance()
    metric = world.events.metric("Ordered", now_s=now_s)
    world.events.record(
        {"properties": {"sku": "1"}, "value": 9.5},
        profile_id=ann.id,
        metric=metric,
        time_s=int(now_s),
    )
    for trigger, kind in ((made.id, "Added to List"), (metric.id, "Metric")):
        world.flows.create(
            "Hello", trigger=trigger, trigger_type=kind, status="live", now_s=now_s
        )
    return Stage(
        sdk=sdk,
        profile=ann.id,
        other=bob.id,
        list=made.id,
        job=job.id,
        metric=metric.id,
    )


def profile(**attributes: object) -> Body:
    """A profile resource."""
    return {"type": "profile", "attributes": attributes}


def data(kind: str, attributes: Body | None = None, **members: object) -> Body:
    """A request body of one resource."""
    resource: Body = {"type": kind, **members}
    if attributes is not None:
        resource["attributes"] = attributes
    return {"data": resource}


def ids(kind: str, *names: str) -> Body:
    """Resource identifiers."""
    return {"data": [{"type": kind, "id": name} for name in names]}


def to_list(name: str) -> Body:
    """A relationship to one list."""
    return {"list": {"data": {"type": "list", "id": name}}}


def event(metric: str, **attributes: object) -> Body:
    """Attributes of an event, its profile apart."""
    name = {"data": {"type": "metric", "attributes": {"name": metric}}}
    return {"metric": name, "properties": {"sku": "1"}, **attributes}


def subscription(consent: str, **names: object) -> Body:
    """A profile with an email subscription."""
    channels = {"email": {"marketing": {"consent": consent}}}
    return profile(**names, subscriptions=channels)
