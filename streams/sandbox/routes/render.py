"""Resources as Klaviyo writes them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from streams.sandbox.account.events import Metric, StoredEvent
from streams.sandbox.account.import_jobs import ImportJob
from streams.sandbox.account.lists import MailList
from streams.sandbox.jsonapi.messages import JsonObject, ParsedRequest
from streams.sandbox.jsonapi.times import to_iso


def render_resource(  # noqa: PLR0913  # the members of a JSON:API resource
    request: ParsedRequest,
    kind: str,
    name: str,
    *,
    path: str,
    attributes: JsonObject,
    relationships: Iterable[str] = (),
) -> JsonObject:
    """Write a resource with its links, cut to `fields[kind]` when asked.

    Args:
        request: The request.
        kind: JSON:API type.
        name: Its id.
        path: Path of its collection, for example `profiles`.
        attributes: All its attributes.
        relationships: Names of its relationships.
    """
    requested = request.query.get(f"fields[{kind}]")
    if requested is not None:
        requested_names = {
            name_path.split(".")[0] for name_path in requested.split(",")
        }
        attributes = {
            key: attributes[key] for key in attributes if key in requested_names
        }
    self_link = f"{request.base_url}/api/{path}/{name}"
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
            for relation in relationships
        },
        "links": {"self": self_link},
    }


def render_list(request: ParsedRequest, mail_list: MailList) -> JsonObject:
    """Write a list; `additional-fields[list]=profile_count` is honoured."""
    attributes: JsonObject = {
        "name": mail_list.name,
        "created": to_iso(mail_list.created_s),
        "updated": to_iso(mail_list.updated_s),
        "opt_in_process": mail_list.opt_in_process,
    }
    if "profile_count" in request.query.get("additional-fields[list]", ""):
        attributes["profile_count"] = len(mail_list.members)
    return render_resource(
        request,
        "list",
        mail_list.id,
        path="lists",
        attributes=attributes,
        relationships=("profiles", "tags", "flow-triggers"),
    )


def render_import_job(request: ParsedRequest, job: ImportJob) -> JsonObject:
    """Write an import job as it stands now."""
    status = job.status(request.now_s)
    resource_json = render_resource(
        request,
        "profile-bulk-import-job",
        job.id,
        path="profile-bulk-import-jobs",
        attributes={
            "status": status,
            "created_at": to_iso(job.created_s),
            "total_count": job.total_count,
            "completed_count": job.completed_count,
            "failed_count": len(job.errors),
            "completed_at": to_iso(job.ends_s) if status == "complete" else None,
            "expires_at": to_iso(job.created_s + JOB_EXPIRY_S),
            "started_at": None if status == "queued" else to_iso(job.starts_s),
        },
        relationships=("lists", "profiles", "import-errors"),
    )
    list_refs = [{"type": "list", "id": list_id} for list_id in job.list_ids]
    resource_json["relationships"]["lists"]["data"] = list_refs
    return resource_json


JOB_EXPIRY_S = 7 * 86_400
"""How long after its creation a job says it expires."""


def render_metric(request: ParsedRequest, metric: Metric) -> JsonObject:
    """Write a metric."""
    return render_resource(
        request,
        "metric",
        metric.id,
        path="metrics",
        attributes={
            "name": metric.name,
            "created": to_iso(metric.created_s),
            "updated": to_iso(metric.created_s),
            "integration": INTEGRATION,
        },
        relationships=("flow-triggers",),
    )


INTEGRATION: Mapping[str, str] = {
    "object": "integration",
    "id": "0rG4eQ",
    "key": "api",
    "name": "API",
    "category": "API",
}
"""The integration of every metric that came through the API."""


def render_event(request: ParsedRequest, event: StoredEvent) -> JsonObject:
    """Write an event."""
    properties = {"$event_id": event.unique_id, **event.properties}
    if event.value is not None:
        properties["$value"] = event.value
    if event.value_currency is not None:
        properties["$value_currency"] = event.value_currency
    resource_json = render_resource(
        request,
        "event",
        event.id,
        path="events",
        attributes={
            "timestamp": event.time_s,
            "event_properties": properties,
            "datetime": to_iso(event.time_s),
            "uuid": event.id,
        },
        relationships=("profile", "metric"),
    )
    relationships = resource_json["relationships"]
    relationships["profile"]["data"] = {"type": "profile", "id": event.profile_id}
    relationships["metric"]["data"] = {"type": "metric", "id": event.metric_id}
    return resource_json


def without_query(request: ParsedRequest) -> ParsedRequest:
    """The same call as seen by resources that are only included."""
    return replace(request, query={})
