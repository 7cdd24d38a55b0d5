"""Cases of identity resolution: profiles before, one request, profiles after.

People are written as their identifiers, separated by spaces: `x-a` is an external id,
`a@x.co` an email, `+12025550101` a phone number and `dev-a` an anonymous id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from streams.sandbox import Sandbox
from streams.sandbox.account.profiles import IDENTIFIERS
from tests.streams.sandbox.api import (
    ApiResult,
    Body,
    ManualClock,
    SandboxApi,
    data,
    import_job,
)
from tests.streams.sandbox.consent_jobs import SUBSCRIBE, consent_job
from tests.streams.sandbox.event_requests import event_request

PHONE = "+12025550101"
OTHER_PHONE = "+12025550102"

TWO_FULL = {"A": "x-a a@x.co", "B": f"x-b b@x.co {PHONE}"}
"""Two profiles, each with an external id of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request to an account with some profiles.

    Attributes:
        section: Section of `streams/sandbox/IDENTITY.md` that has the rule.
        before: Name of each profile to its identifiers.
        request: `create`, `import`, `patch`, `row`, `event` or `subscribe`.
        identifiers: Identifiers in the request.
        profile: Name of the profile whose id the request has; empty for none.
        switches: Switches that are not at their default.
        status: Status of the response, or the code of the row's import error.
        duplicate: Name of the profile that a 409 names.
        after: As `before`; the name `new` is a profile that the request created.
        event_owner: Name of the profile that the event belongs to.
    """

    section: str
    before: Mapping[str, str]
    request: str
    identifiers: str
    profile: str = ""
    switches: Mapping[str, str] = field(default_factory=dict)
    status: int | str = 200
    duplicate: str = ""
    after: Mapping[str, str]
    event_owner: str = ""


def parse_identifiers(text: str) -> Body:
    """Return the profile attributes of a person."""
    return {_field_of(value): value for value in text.split()}


def _field_of(value: str) -> str:
    if "@" in value:
        return "email"
    prefixes = {"+": "phone_number", "x-": "external_id", "dev-": "anonymous_id"}
    return next(name for prefix, name in prefixes.items() if value.startswith(prefix))


def show_profiles(klaviyo: Sandbox, names: Mapping[str, str]) -> dict[str, str]:
    """Return the identifiers of all profiles, by name; names are by profile id."""
    return {
        names.get(profile.id, "new"): " ".join(
            value for name in IDENTIFIERS if (value := getattr(profile, name))
        )
        for profile in klaviyo.account.profiles
    }


def seed(klaviyo: Sandbox, case: Case) -> dict[str, str]:
    """Create the profiles of a case, set its switches, and return the ids by name."""
    account = klaviyo.account
    account.switches.set_values({**case.switches})
    return {
        name: account.profiles.create(
            parse_identifiers(text), now_s=klaviyo.config.clock_s()
        ).id
        for name, text in case.before.items()
    }


async def send(api: SandboxApi, case: Case, ids: Mapping[str, str]) -> ApiResult:
    """Send the request of a case."""
    attributes = parse_identifiers(case.identifiers)
    members = {"id": ids[case.profile]} if case.profile else {}
    item = data("profile", attributes, **members)
    match case.request:
        case "create":
            return await api.post("/api/profiles", item)
        case "import":
            return await api.post("/api/profile-import", item)
        case "patch":
            path = f"/api/profiles/{ids[case.profile]}"
            return await api.call("PATCH", path, body=item)
        case "row":
            job = import_job(attributes)
            job["data"]["attributes"]["profiles"]["data"][0].update(members)
            return await api.post("/api/profile-bulk-import-jobs", job)
        case "event":
            event = event_request(owner=attributes)
            event["data"]["attributes"]["profile"]["data"].update(members)
            return await api.post("/api/events", event)
        case _:
            consent = {"marketing": {"consent": "SUBSCRIBED"}}
            channels = {
                channel: consent
                for channel, name in (("email", "email"), ("sms", "phone_number"))
                if name in attributes
            }
            row = {**attributes, "subscriptions": channels}
            job = orjson.loads(orjson.dumps(consent_job(SUBSCRIBE, row)))
            job["data"]["attributes"]["profiles"]["data"][0].update(members)
            return await api.post(f"/api/{SUBSCRIBE}s", job)


async def check_case(
    api: SandboxApi, klaviyo: Sandbox, clock: ManualClock, case: Case
) -> None:
    """Send the request of a case, and compare the response and all profiles."""
    profile_ids = seed(klaviyo, case)
    names = {profile_id: name for name, profile_id in profile_ids.items()}

    got = await send(api, case, profile_ids)
    clock.now_s += 5

    if isinstance(case.status, str):
        (job_id,) = klaviyo.account.jobs.by_id
        path = f"/api/profile-bulk-import-jobs/{job_id}/import-errors"
        (error,) = (await api.get(path)).body["data"]
        assert error["attributes"]["code"] == case.status
    else:
        assert got.status == case.status
    assert show_profiles(klaviyo, names) == dict(case.after)
    if got.status == 409:
        named = {"duplicate_profile_id": profile_ids.get(case.duplicate)}
        assert got.error["code"] == "duplicate_profile"
        assert got.error["title"] == "Conflict."
        assert got.error["source"] == {"pointer": "/data/attributes"}
        assert got.error["meta"] == (named if case.duplicate else {})
    if case.request == "event":
        metric = klaviyo.account.events.metric_names.get("Ordered")
        owners = [
            names.get(event.profile_id, "new")
            for event in klaviyo.account.events.by_key.values()
            if metric is not None and event.metric_id == metric.id
        ]
        assert owners == [case.event_owner] * bool(case.event_owner)
