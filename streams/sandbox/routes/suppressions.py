"""Suppress and unsuppress email addresses, or all members of a list."""

from collections.abc import Callable

from streams.sandbox.account import profile_rules
from streams.sandbox.account.account import Account
from streams.sandbox.account.lists import MailList
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi import bodies
from streams.sandbox.jsonapi.errors import bad_request
from streams.sandbox.jsonapi.messages import HandlerResponse, JsonObject, ParsedRequest
from streams.sandbox.jsonapi.times import to_iso
from streams.sandbox.limits import UNSUBSCRIBE_MAX_PROFILES
from streams.sandbox.routes.profile_lookup import (
    PROFILES_POINTER,
    find_job_list,
    get_or_create_profile,
)


def suppress(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Suppress profiles by hand: `POST /api/profile-suppression-bulk-create-jobs`."""

    def change(profile: StoredProfile, at_s: float) -> None:
        account.consents.suppress(profile.id, "USER_SUPPRESSED", now_s=at_s)

    return _run_job(account, request, verb="create", change=change)


def unsuppress(account: Account, request: ParsedRequest) -> HandlerResponse:
    """End manual suppression: `POST /api/profile-suppression-bulk-delete-jobs`."""

    def change(profile: StoredProfile, _: float) -> None:
        account.consents.unsuppress(profile.id)

    return _run_job(account, request, verb="delete", change=change)


def _run_job(
    account: Account,
    request: ParsedRequest,
    *,
    verb: str,
    change: Callable[[StoredProfile, float], None],
) -> HandlerResponse:
    kind = f"profile-suppression-bulk-{verb}-job"
    job = bodies.resource(request.body, kind=kind)
    mail_list = find_job_list(account, job)
    emails = _parse_emails(job)
    if bool(emails) == (mail_list is not None):
        raise bad_request("Give either profiles or a list.", pointer="/data")

    def apply(at_s: float) -> None:
        for profile in _find_profiles(account, emails, mail_list, verb=verb, at_s=at_s):
            change(profile, at_s)

    total = len(mail_list.members) if mail_list else len(emails)
    account.apply_later(apply, now_s=request.now_s)
    body = {"data": _render_job(request, kind, total=total)}
    return HandlerResponse(status=202, body=body, items=total)


def _parse_emails(job: JsonObject) -> list[str]:
    job_attributes = bodies.optional_object(job, "attributes", pointer="/data")
    profiles = job_attributes.get("profiles")
    if profiles is None:
        return []
    maximum = UNSUBSCRIBE_MAX_PROFILES
    items = bodies.data_rows(profiles, pointer=PROFILES_POINTER, maximum=maximum)
    emails = []
    for index, item in enumerate(items):
        names = bodies.required_object(
            item, "attributes", pointer=f"{PROFILES_POINTER}/data/{index}"
        )
        email = names.get("email")
        if not isinstance(email, str) or not profile_rules.is_email(email):
            pointer = f"{PROFILES_POINTER}/data/{index}/attributes/email"
            raise bad_request("Invalid email address", pointer=pointer)
        emails.append(email)
    return emails


def _find_profiles(
    account: Account,
    emails: list[str],
    mail_list: MailList | None,
    *,
    verb: str,
    at_s: float,
) -> list[StoredProfile]:
    if mail_list is not None:
        return [account.profiles.by_id[profile_id] for profile_id in mail_list.members]
    items: list[JsonObject] = [{"attributes": {"email": email}} for email in emails]
    if verb == "delete":
        items = [
            resource
            for resource in items
            if account.profiles.find_owners(resource["attributes"])
        ]
    return [get_or_create_profile(account, item, at_s=at_s) for item in items]


def _render_job(request: ParsedRequest, kind: str, *, total: int) -> JsonObject:
    job_id = f"S{int(request.now_s * 1000):013d}"
    return {
        "type": kind,
        "id": job_id,
        "attributes": {
            "status": "queued",
            "created_at": to_iso(request.now_s),
            "total_count": total,
            "completed_count": 0,
            "completed_at": None,
            "skipped_count": 0,
        },
        "links": {"self": f"{request.base_url}/api/{kind}s/{job_id}"},
    }
