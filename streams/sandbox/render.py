"""Resources as Klaviyo writes them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from streams.sandbox.calls import Call, Json
from streams.sandbox.events import Event, Metric
from streams.sandbox.jobs import ImportJob
from streams.sandbox.lists import MailList
from streams.sandbox.times import iso


def resource(  # noqa: PLR0913  # the members of a JSON:API resource
    call: Call,
    kind: str,
    name: str,
    *,
    path: str,
    attributes: Json,
    related: Iterable[str] = (),
) -> Json:
    """Write a resource with its links, cut to `fields[kind]` when asked.

    Args:
        call: The request.
        kind: JSON:API type.
        name: Its id.
        path: Path of its collection, for example `profiles`.
        attributes: All its attributes.
        related: Names of its relationships.
    """
    wanted = call.query.get(f"fields[{kind}]")
    if wanted is not None:
        kept = {one.split(".")[0] for one in wanted.split(",")}
        attributes = {key: attributes[key] for key in attributes if key in kept}
    self_link = f"{call.base_url}/api/{path}/{name}"
    return {
        "type": kind,
        "id": name,
        "attributes": attributes,
        "relationships": {
            relation: {
                "links": {
                    "self": f"{self_link}/relationships/{relation}",
                    "related": f"{self_link}/{relation}",
                }
            }
            for relation in related
        },
        "links": {"self": self_link},
    }


def mail_list(call: Call, one: MailList) -> Json:
    """Write a list; `additional-fields[list]=profile_count` is honoured."""
    attributes: Json = {
        "name": one.name,
        "created": iso(one.created_s),
        "updated": iso(one.updated_s),
        "opt_in_process": one.opt_in_process,
    }
    if "profile_count" in call.query.get("additional-fields[list]", ""):
        attributes["profile_count"] = len(one.members)
    return resource(
        call,
        "list",
        one.id,
        path="lists",
        attributes=attributes,
        related=("profiles", "tags", "flow-triggers"),
    )


def import_job(call: Call, one: ImportJob) -> Json:
    """Write an import job as it stands now."""
    status = one.status(call.now_s)
    written = resource(
        call,
        "profile-bulk-import-job",
        one.id,
        path="profile-bulk-import-jobs",
        attributes={
            "status": status,
            "created_at": iso(one.created_s),
            "total_count": one.total,
            "completed_count": one.completed,
            "failed_count": len(one.errors),
            "completed_at": iso(one.ends_s) if status == "complete" else None,
            "expires_at": iso(one.created_s + JOB_KEPT_S),
            "started_at": None if status == "queued" else iso(one.starts_s),
        },
        related=("lists", "profiles", "import-errors"),
    )
    listed = [{"type": "list", "id": list_id} for list_id in one.list_ids]
    written["relationships"]["lists"]["data"] = listed
    return written


JOB_KEPT_S = 7 * 86_400
"""How long after its creation a job says it expires."""


def metric(call: Call, one: Metric) -> Json:
    """Write a metric."""
    return resource(
        call,
        "metric",
        one.id,
        path="metrics",
        attributes={
            "name": one.name,
            "created": iso(one.created_s),
            "updated": iso(one.created_s),
            "integration": INTEGRATION,
        },
        related=("flow-triggers",),
    )


INTEGRATION: Mapping[str, str] = {
    "object": "integration",
    "id": "0rG4eQ",
    "key": "api",
    "name": "API",
    "category": "API",
}
"""The integration of every metric that came through the API."""


def event(call: Call, one: Event) -> Json:
    """Write an event."""
    properties = {"$event_id": one.unique_id, **one.properties}
    if one.value is not None:
        properties["$value"] = one.value
    if one.value_currency is not None:
        properties["$value_currency"] = one.value_currency
    written = resource(
        call,
        "event",
        one.id,
        path="events",
        attributes={
            "timestamp": one.time_s,
            "event_properties": properties,
            "datetime": iso(one.time_s),
            "uuid": one.id,
        },
        related=("profile", "metric"),
    )
    relations = written["relationships"]
    relations["profile"]["data"] = {"type": "profile", "id": one.profile_id}
    relations["metric"]["data"] = {"type": "metric", "id": one.metric_id}
    return written


def without_extras(call: Call) -> Call:
    """The same call as seen by resources that are only included."""
    return replace(call, query={})
