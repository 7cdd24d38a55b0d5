"""Bodies of the consent jobs, and a look at what they did."""

from tests.streams.sandbox.api import Api, Body, data

SUBSCRIBE = "profile-subscription-bulk-create-job"
UNSUBSCRIBE = "profile-subscription-bulk-delete-job"
SUPPRESS = "profile-suppression-bulk-create-job"
UNSUPPRESS = "profile-suppression-bulk-delete-job"
EMAIL = "ann@example.com"
PHONE = "+12025550123"


def job(
    kind: str,
    profile: Body,
    *,
    list_id: str = "",
    many: int = 1,
    **attributes: object,
) -> Body:
    """A consent job about one profile, `many` times."""
    item = {"type": "profile", "attributes": profile}
    body = data(kind, {"profiles": {"data": [item] * many}, **attributes})
    if list_id:
        relation = {"list": {"data": {"type": "list", "id": list_id}}}
        body["data"]["relationships"] = relation
    return body


def ann(consent: str, *channels: str, said: Body | None = None) -> Body:
    """Ann and what she says about marketing by these channels."""
    marketing = {"marketing": {"consent": consent, **(said or {})}}
    return {
        "email": EMAIL,
        "phone_number": PHONE,
        "subscriptions": dict.fromkeys(channels or ("email",), marketing),
    }


async def standing(api: Api) -> Body:
    """The standing of the only profile that has one."""
    (found,) = (await api.get("/sandbox/consent")).body
    shown: Body = found
    return shown


async def suppressed(api: Api, *reasons: str) -> str:
    """Seed Ann with suppressions; return her id."""
    profile_id = await api.create_profile(email=EMAIL)
    await api.post(
        "/sandbox/consent", [{"profile_id": profile_id, "suppress": list(reasons)}]
    )
    return profile_id
