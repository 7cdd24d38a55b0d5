"""Bodies of the consent jobs, and a look at what they did."""

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
    """A consent job about one profile, `count` times."""
    item = {"type": "profile", "attributes": profile}
    body = data(kind, {"profiles": {"data": [item] * count}, **attributes})
    if list_id:
        relation = {"list": {"data": {"type": "list", "id": list_id}}}
        body["data"]["relationships"] = relation
    return body


def ann_with_consent(consent: str, *channels: str, extra: Body | None = None) -> Body:
    """Ann and what she says about marketing by these channels."""
    marketing = {"marketing": {"consent": consent, **(extra or {})}}
    return {
        "email": EMAIL,
        "phone_number": PHONE,
        "subscriptions": dict.fromkeys(channels or ("email",), marketing),
    }


async def get_consent_state(api: SandboxApi) -> Body:
    """The standing of the only profile that has one."""
    (state,) = (await api.get("/sandbox/consent")).body
    consent_state: Body = state
    return consent_state


async def seed_suppressed_ann(api: SandboxApi, *reasons: str) -> str:
    """Seed Ann with suppressions; return her id."""
    profile_id = await api.create_profile(email=EMAIL)
    await api.post(
        "/sandbox/consent", [{"profile_id": profile_id, "suppress": list(reasons)}]
    )
    return profile_id
