"""Resources of the account in the format of Klaviyo's API."""

from collections.abc import Mapping

from streams.sandbox.account.consent import EMAIL_MARKETING, ConsentState, Purpose
from streams.sandbox.account.events import Metric, StoredEvent
from streams.sandbox.account.import_jobs import ImportJob
from streams.sandbox.account.lists import MailList
from streams.sandbox.account.profile_rules import TEXT_FIELDS
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi.messages import JsonObject, ParsedRequest
from streams.sandbox.jsonapi.resources import render_resource
from streams.sandbox.jsonapi.times import to_iso

_LOCATION = (
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
)


def render_profile(
    request: ParsedRequest,
    profile: StoredProfile,
    *,
    consent_state: ConsentState | None,
    joined_s: float | None = None,
) -> JsonObject:
    """Return a profile as a resource.

    Args:
        request: Request; `additional-fields[profile]` is applied.
        profile: Profile to write.
        consent_state: Consent of the profile, if any.
        joined_s: Time of joining the requested list.
    """
    attributes: JsonObject = {
        "email": profile.email,
        "phone_number": profile.phone_number,
        "external_id": profile.external_id,
        **{name: profile.fields.get(name) for name in TEXT_FIELDS},
        "created": to_iso(profile.created_s),
        "updated": to_iso(profile.updated_s),
        "last_event_date": to_iso(profile.last_event_s),
        "location": {name: profile.location.get(name) for name in _LOCATION},
        "properties": profile.properties,
    }
    if joined_s is not None:
        attributes["joined_group_at"] = to_iso(joined_s)
    extras = request.query.get("additional-fields[profile]", "")
    if "subscriptions" in extras:
        attributes["subscriptions"] = render_subscriptions(
            profile, consent_state or ConsentState()
        )
    if "predictive_analytics" in extras:
        attributes["predictive_analytics"] = {}
    return render_resource(
        request,
        "profile",
        profile.id,
        path="profiles",
        attributes=attributes,
        relationships=("lists", "segments", "push-tokens", "conversation"),
    )


def render_subscriptions(
    profile: StoredProfile, consent_state: ConsentState
) -> JsonObject:
    """Return the member `subscriptions` of a profile."""
    email = _render_consent(
        consent_state, EMAIL_MARKETING, flag="can_receive_email_marketing"
    )
    email["can_receive_email_marketing"] = (
        bool(profile.email) and not consent_state.suppressions
    )
    email["suppression"] = [
        {"reason": reason, "timestamp": to_iso(at_s)}
        for reason, at_s in consent_state.suppressions.items()
    ]
    email["list_suppressions"] = [
        {"list_id": list_id, "reason": "UNSUBSCRIBE", "timestamp": to_iso(at_s)}
        for list_id, at_s in consent_state.list_suppressions.items()
    ]
    return {
        "email": {"marketing": email},
        "sms": {
            purpose: _render_consent(
                consent_state, ("sms", purpose), flag=f"can_receive_sms_{purpose}"
            )
            for purpose in ("marketing", "transactional")
        },
        "mobile_push": {
            "marketing": _render_consent(
                consent_state, ("push", "marketing"), flag="can_receive_push_marketing"
            )
        },
        "whatsapp": {
            purpose: _render_consent(
                consent_state, ("whatsapp", purpose), flag="can_receive"
            )
            for purpose in ("marketing", "transactional", "conversational")
        },
    }


def _render_consent(
    consent_state: ConsentState, purpose: Purpose, *, flag: str
) -> JsonObject:
    consent = consent_state.consents.get(purpose)
    return {
        flag: consent_state.status(purpose) == "SUBSCRIBED",
        "consent": consent_state.status(purpose),
        "consent_timestamp": to_iso(consent.consented_s) if consent else None,
        "last_updated": to_iso(consent.updated_s) if consent else None,
        "method": "API" if consent else None,
        "method_detail": (consent.source if consent else None) or "",
        "custom_method_detail": consent.source if consent else None,
        "double_optin": consent.double_opt_in if consent else None,
    }


def render_list(request: ParsedRequest, mail_list: MailList) -> JsonObject:
    """Return a list as a resource; `additional-fields[list]` adds the profile count."""
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
    """Return an import job as a resource, with the current status."""
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
"""Time from the creation of a job to its `expires_at`."""


def render_metric(request: ParsedRequest, metric: Metric) -> JsonObject:
    """Return a metric as a resource."""
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
"""Integration of every metric that was created through the API."""


def render_event(request: ParsedRequest, event: StoredEvent) -> JsonObject:
    """Return an event as a resource."""
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
