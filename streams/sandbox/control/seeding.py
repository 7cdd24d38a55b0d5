"""Pages that fill the sandbox directly: no quota, no job, no counter."""

from streams.sandbox.account import profile_rules
from streams.sandbox.account.account import Account
from streams.sandbox.account.consent import ConsentRecord
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.control.inspection import ControlRequest
from streams.sandbox.jsonapi.errors import (
    ErrorResponse,
    JsonApiError,
    bad_request,
    invalid_input,
)
from streams.sandbox.jsonapi.messages import JsonObject


def seed_profiles(account: Account, request: ControlRequest) -> JsonObject:
    """Create or update profiles from a list of attribute objects.

    Returns:
        `ids`, in the order of the request.
    """
    return {
        "ids": [
            profile.id
            for profile in write_profiles(account, request.body, request.now_s)
        ]
    }


def write_profiles(account: Account, rows: object, now_s: float) -> list[StoredProfile]:
    """Create or update profiles from attribute objects.

    Raises:
        ErrorResponse: Attributes that Klaviyo rejects, or identifiers of two profiles.
    """
    profiles = []
    for index, item in enumerate(_objects(rows)):
        profile_rules.check(item, pointer=f"/{index}")
        result = account.identities.upsert({"attributes": item}, now_s=now_s)
        if isinstance(result, JsonApiError):
            raise ErrorResponse([result])
        profiles.append(result)
    return profiles


def seed_lists(account: Account, request: ControlRequest) -> JsonObject:
    """Create lists from `[{"name", "opt_in_process", "members": [attributes]}]`.

    Returns:
        `ids`, in the order of the request.
    """
    list_ids = []
    for item in _objects(request.body):
        mail_list = account.lists.create(
            str(item.get("name", "")),
            opt_in_process=item.get("opt_in_process", "single_opt_in"),
            now_s=request.now_s,
        )
        members = write_profiles(account, item.get("members", []), request.now_s)
        account.lists.add_members(mail_list, members, now_s=request.now_s)
        mail_list.changes.effective_adds = 0
        list_ids.append(mail_list.id)
    return {"ids": list_ids}


def seed_consent(account: Account, request: ControlRequest) -> JsonObject:
    """Set consent from a list of objects with consent and suppressions.

    `email`, `sms`, `push` and `whatsapp` set the marketing consent of that channel.
    """
    for item in _objects(request.body):
        profile_id = item.get("profile_id")
        if profile_id not in account.profiles.by_id:
            raise bad_request("Unknown 'profile_id'.", pointer="/profile_id")
        consent_state = account.consents.state_of(profile_id)
        for channel in item.keys() & {"email", "sms", "push", "whatsapp"}:
            consent_state.consents[channel, "marketing"] = ConsentRecord(
                status=item[channel], consented_s=request.now_s, updated_s=request.now_s
            )
        for reason in item.get("suppress", []):
            account.consents.suppress(profile_id, reason, now_s=request.now_s)
    return {}


def confirm(account: Account, request: ControlRequest) -> JsonObject:
    """Click the confirmation mails of a profile: `{"profile_id"}`."""
    body = request.body if isinstance(request.body, dict) else {}
    profile = account.profiles.by_id.get(body.get("profile_id", ""))
    if profile is None:
        raise bad_request("Unknown 'profile_id'.", pointer="/profile_id")
    joined_list_ids = account.consents.confirm(profile.id, now_s=request.now_s)
    for list_id in joined_list_ids:
        if list_id in account.lists.by_id:
            account.lists.add_members(
                account.lists.by_id[list_id], [profile], now_s=request.now_s
            )
    return {"lists": joined_list_ids}


def seed_metrics(account: Account, request: ControlRequest) -> JsonObject:
    """Create metrics from a list of names."""
    names = request.body if isinstance(request.body, list) else []
    return {
        "ids": [
            account.events.get_or_create_metric(str(n), now_s=request.now_s).id
            for n in names
        ]
    }


def seed_flows(account: Account, request: ControlRequest) -> JsonObject:
    """Create flows from `[{"name", "list_id" or "metric_id", "status"}]`."""
    flow_ids = []
    for item in _objects(request.body):
        trigger = item.get("list_id") or item.get("metric_id")
        if not isinstance(trigger, str):
            raise ErrorResponse(
                [invalid_input("A flow has a 'list_id' or a 'metric_id'.")]
            )
        kind = "Added to List" if item.get("list_id") else "Metric"
        flow_ids.append(
            account.flows.create(
                str(item.get("name", "Flow")),
                trigger_id=trigger,
                trigger_type=kind,
                status=str(item.get("status", "live")),
                now_s=request.now_s,
            ).id
        )
    return {"ids": flow_ids}


def _objects(rows: object) -> list[JsonObject]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise bad_request("A list of objects is required.", pointer="/")
    return rows
