"""A profile as Klaviyo writes it, with what it may be sent."""

from streams.sandbox.account.consent_state import EMAIL_MARKETING, ConsentState, Purpose
from streams.sandbox.account.profile_rules import TEXT_FIELDS
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi.messages import JsonObject, ParsedRequest
from streams.sandbox.jsonapi.times import to_iso
from streams.sandbox.routes import render

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
    """Write a profile.

    Args:
        request: The request; `additional-fields[profile]` is honoured.
        profile: The profile.
        consent_state: Its consent, if any.
        joined_s: When it joined the list that was asked for.
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
    return render.render_resource(
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
    """Write what a profile may be sent."""
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
