"""A profile as Klaviyo writes it, with what it may be sent."""

from streams.sandbox import render
from streams.sandbox.attributes import TEXT_FIELDS
from streams.sandbox.calls import Call, Json
from streams.sandbox.profiles import Profile
from streams.sandbox.standing import EMAIL, Purpose, Standing
from streams.sandbox.times import iso

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


def profile(
    call: Call,
    one: Profile,
    *,
    standing: Standing | None,
    joined_s: float | None = None,
) -> Json:
    """Write a profile.

    Args:
        call: The request; `additional-fields[profile]` is honoured.
        one: The profile.
        standing: Its consent, if any.
        joined_s: When it joined the list that was asked for.
    """
    attributes: Json = {
        "email": one.email,
        "phone_number": one.phone_number,
        "external_id": one.external_id,
        **{name: one.fields.get(name) for name in TEXT_FIELDS},
        "created": iso(one.created_s),
        "updated": iso(one.updated_s),
        "last_event_date": iso(one.last_event_s),
        "location": {name: one.location.get(name) for name in _LOCATION},
        "properties": one.properties,
    }
    if joined_s is not None:
        attributes["joined_group_at"] = iso(joined_s)
    extras = call.query.get("additional-fields[profile]", "")
    if "subscriptions" in extras:
        attributes["subscriptions"] = subscriptions(one, standing or Standing())
    if "predictive_analytics" in extras:
        attributes["predictive_analytics"] = {}
    return render.resource(
        call,
        "profile",
        one.id,
        path="profiles",
        attributes=attributes,
        related=("lists", "segments", "push-tokens", "conversation"),
    )


def subscriptions(one: Profile, standing: Standing) -> Json:
    """Write what a profile may be sent."""
    email = _consent(standing, EMAIL, flag="can_receive_email_marketing")
    email["can_receive_email_marketing"] = bool(one.email) and not standing.suppressions
    email["suppression"] = [
        {"reason": reason, "timestamp": iso(at_s)}
        for reason, at_s in standing.suppressions.items()
    ]
    email["list_suppressions"] = [
        {"list_id": list_id, "reason": "UNSUBSCRIBE", "timestamp": iso(at_s)}
        for list_id, at_s in standing.list_suppressions.items()
    ]
    return {
        "email": {"marketing": email},
        "sms": {
            purpose: _consent(
                standing, ("sms", purpose), flag=f"can_receive_sms_{purpose}"
            )
            for purpose in ("marketing", "transactional")
        },
        "mobile_push": {
            "marketing": _consent(
                standing, ("push", "marketing"), flag="can_receive_push_marketing"
            )
        },
        "whatsapp": {
            purpose: _consent(standing, ("whatsapp", purpose), flag="can_receive")
            for purpose in ("marketing", "transactional", "conversational")
        },
    }


def _consent(standing: Standing, purpose: Purpose, *, flag: str) -> Json:
    consent = standing.consents.get(purpose)
    return {
        flag: standing.status(purpose) == "SUBSCRIBED",
        "consent": standing.status(purpose),
        "consent_timestamp": iso(consent.consented_s) if consent else None,
        "last_updated": iso(consent.updated_s) if consent else None,
        "method": "API" if consent else None,
        "method_detail": (consent.source if consent else None) or "",
        "custom_method_detail": consent.source if consent else None,
        "double_optin": consent.double_opt_in if consent else None,
    }
