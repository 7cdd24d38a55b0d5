"""Seeded sandbox account for contract tests, and request bodies."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from klaviyo_api import KlaviyoAPI

from streams.sandbox import Fault, FaultKind, Sandbox

Body: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededAccount:
    """IDs of the resources in the seeded account.

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


def seed_account(sandbox: Sandbox, sdk: KlaviyoAPI) -> SeededAccount:
    """Create all resources of the account."""
    account = sandbox.account
    now_s = sandbox.config.clock_s()
    ann = account.profiles.create({"email": "ann+1@example.com"}, now_s=now_s)
    bob = account.profiles.create({"external_id": "bob"}, now_s=now_s)
    fans_list = account.lists.create(
        "Fans", opt_in_process="single_opt_in", now_s=now_s
    )
    account.lists.add_members(fans_list, [ann], now_s=now_s)
    sandbox.add_fault(Fault(kind=FaultKind.IMPORT_ERRORS, items=1, count=1))
    job = account.submit_import(
        [profile(email="bad@example.com"), profile(email="ann+1@example.com")],
        list_ids=(fans_list.id,),
        now_s=now_s,
    )
    account.apply_due()
    metric = account.events.get_or_create_metric("Ordered", now_s=now_s)
    account.events.record(
        {"properties": {"sku": "1"}, "value": 9.5},
        profile_id=ann.id,
        metric=metric,
        time_s=int(now_s),
    )
    for trigger, kind in ((fans_list.id, "Added to List"), (metric.id, "Metric")):
        account.flows.create(
            "Hello", trigger_id=trigger, trigger_type=kind, status="live", now_s=now_s
        )
    return SeededAccount(
        sdk=sdk,
        profile=ann.id,
        other=bob.id,
        list=fans_list.id,
        job=job.id,
        metric=metric.id,
    )


def profile(**attributes: object) -> Body:
    """Return a profile resource with attributes."""
    return {"type": "profile", "attributes": attributes}


def data(kind: str, attributes: Body | None = None, **members: object) -> Body:
    """Return a request body with a single resource."""
    resource: Body = {"type": kind, **members}
    if attributes is not None:
        resource["attributes"] = attributes
    return {"data": resource}


def ids(kind: str, *names: str) -> Body:
    """Return a body of resource identifiers."""
    return {"data": [{"type": kind, "id": name} for name in names]}


def to_list(name: str) -> Body:
    """Return a relationship to a list."""
    return {"list": {"data": {"type": "list", "id": name}}}


def event(metric: str, **attributes: object) -> Body:
    """Return the attributes of an event, without the profile."""
    name = {"data": {"type": "metric", "attributes": {"name": metric}}}
    return {"metric": name, "properties": {"sku": "1"}, **attributes}


def subscription(consent: str, **names: object) -> Body:
    """A profile with an email subscription."""
    channels = {"email": {"marketing": {"consent": consent}}}
    return profile(**names, subscriptions=channels)
