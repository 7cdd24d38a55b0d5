"""Bodies of consent jobs, and lookup of the resulting consent."""

from tests.streams.sandbox.api import Body, SandboxApi, data

SUBSCRIBE = "profile-subscription-bulk-create-job"
UNSUBSCRIBE = "profile-subscription-bulk-delete-job"
SUPPRESS = "profile-suppression-bulk-create-job"
UNSUPPRESS = "profile-suppression-bulk-delete-job"
EMAIL = "ann@example.com"
PHONE = "+12025550123"


def consent_job(
    kind: str,
    profile: Body,
    *,
    list_id: str = "",
    count: int = 1,
    **attributes: object,
) -> Body:
    """Return the body of a consent job with one profile, `count` times."""
    item = {"type": "profile", "attributes": profile}
    body = data(kind, {"profiles": {"data": [item] * count}, **attributes})
    if list_id:
        relation = {"list": {"data": {"type": "list", "id": list_id}}}
        body["data"]["relationships"] = relation
    return body


def ann_with_consent(consent: str, *channels: str, extra: Body | None = None) -> Body:
    """Return Ann's profile with marketing consent for some channels."""
    marketing = {"marketing": {"consent": consent, **(extra or {})}}
    return {
        "email": EMAIL,
        "phone_number": PHONE,
        "subscriptions": dict.fromkeys(channels or ("email",), marketing),
    }


async def get_consent_state(api: SandboxApi) -> Body:
    """Return the consent state of the only profile that has one."""
    (state,) = (await api.get("/sandbox/consent")).body
    consent_state: Body = state
    return consent_state


async def seed_suppressed_ann(api: SandboxApi, *reasons: str) -> str:
    """Create Ann with suppressions, and return the profile id."""
    profile_id = await api.create_profile(email=EMAIL)
    await api.post(
        "/sandbox/consent", [{"profile_id": profile_id, "suppress": list(reasons)}]
    )
    return profile_id
