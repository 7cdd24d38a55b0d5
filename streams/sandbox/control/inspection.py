"""Pages that show or change the state of the sandbox."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

from streams.sandbox.account.account import Account
from streams.sandbox.account.faults import Fault
from streams.sandbox.account.lists import MailList
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi.errors import ErrorResponse, bad_request, not_found
from streams.sandbox.jsonapi.messages import JsonObject
from streams.sandbox.jsonapi.times import to_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRequest:
    """Request under the path `/sandbox/`.

    Attributes:
        resource_id: Path after `/sandbox/<topic>/`; empty if there is none.
        query: Query parameters.
        body: JSON body; None if there is none.
        now_s: Current time.
    """

    resource_id: str
    query: Mapping[str, str]
    body: object
    now_s: float


def show_state(account: Account, _: ControlRequest) -> JsonObject:
    """Return counts of all kinds of data in the account."""
    return {
        "profiles": len(account.profiles),
        "lists": len(account.lists.by_id),
        "members": sum(
            len(mail_list.members) for mail_list in account.lists.by_id.values()
        ),
        "events": len(account.events.by_key),
        "events_repeated": account.events.duplicate_count,
        "events_ignored": account.events.ignored_count,
        "metrics": len(account.events.metrics),
        "jobs": len(account.jobs.by_id),
        "jobs_running": account.jobs.running_count,
        "confirmation_mails": len(account.consents.confirmation_mails),
        "requests": sum(account.request_log.request_counts.values()),
        "faults": len(account.faults.by_id),
    }


def show_lists(account: Account, request: ControlRequest) -> list[JsonObject]:
    """Return the lists with members; `?name=` selects by name."""
    name = request.query.get("name")
    return [
        _render_list(account, mail_list)
        for mail_list in account.lists.by_id.values()
        if name is None or mail_list.name == name
    ]


def _render_list(account: Account, mail_list: MailList) -> JsonObject:
    return {
        "id": mail_list.id,
        "name": mail_list.name,
        "opt_in_process": mail_list.opt_in_process,
        "created": to_iso(mail_list.created_s),
        "members": [
            _render_member(account.profiles.by_id[profile_id])
            for profile_id in mail_list.members
        ],
    }


def _render_member(profile: StoredProfile) -> JsonObject:
    return {
        "profile_id": profile.id,
        "email": profile.email,
        "external_id": profile.external_id,
        "phone_number": profile.phone_number,
    }


def show_profiles(account: Account, _: ControlRequest) -> list[JsonObject]:
    """Return all profiles with list ids."""
    return [
        {
            "id": profile.id,
            "email": profile.email,
            "phone_number": profile.phone_number,
            "external_id": profile.external_id,
            "anonymous_id": profile.anonymous_id,
            **profile.fields,
            "location": profile.location,
            "properties": profile.properties,
            "lists": sorted(profile.lists),
        }
        for profile in account.profiles
    ]


def show_events(account: Account, _: ControlRequest) -> list[JsonObject]:
    """Return all events with the names of the metrics."""
    names = {event.id: event.name for event in account.events.metrics.values()}
    return [
        {
            **_slots_of(event),
            "metric": names[event.metric_id],
            "time": to_iso(event.time_s),
        }
        for event in account.events.by_key.values()
    ]


def _slots_of(record: object) -> JsonObject:
    names: tuple[str, ...] = record.__slots__  # type: ignore[attr-defined]  # slotted
    return {name: getattr(record, name) for name in names}


def show_consent(account: Account, _: ControlRequest) -> list[JsonObject]:
    """Return the consent state of every profile with a consent state."""
    mails = account.consents.confirmation_mails
    return [
        {
            "profile_id": profile_id,
            "email": account.profiles.by_id[profile_id].email,
            "phone_number": account.profiles.by_id[profile_id].phone_number,
            "consents": {
                "/".join(purpose): asdict(consent)
                for purpose, consent in state.consents.items()
            },
            "suppressions": sorted(state.suppressions),
            "list_suppressions": sorted(state.list_suppressions),
            "waiting": ["/".join(purpose) for purpose in state.unconfirmed],
            "confirmation_mails": sum(mail[0] == profile_id for mail in mails),
        }
        for profile_id, state in account.consents.by_profile.items()
    ]


def show_requests(account: Account, _: ControlRequest) -> JsonObject:
    """Return the request log and the request counters."""
    return {
        "counters": account.request_log.counters(),
        "log": [entry.as_json() for entry in account.request_log.entries],
    }


def show_changes(account: Account, _: ControlRequest) -> JsonObject:
    """Return requested and effective membership changes, per list and in total."""
    by_list = {
        mail_list.id: {"name": mail_list.name, **asdict(mail_list.changes)}
        for mail_list in account.lists.by_id.values()
    }
    counts = [asdict(mail_list.changes) for mail_list in account.lists.by_id.values()]
    names = counts[0] if counts else {}
    total = {name: sum(count[name] for count in counts) for name in names}
    return {"total": total, "lists": by_list}


def show_faults(account: Account, _: ControlRequest) -> list[JsonObject]:
    """Return the active faults, with the number of affected requests."""
    return [fault.as_json() for fault in account.faults.by_id.values()]


def add_fault(account: Account, request: ControlRequest) -> JsonObject:
    """Activate the fault that the body describes."""
    if not isinstance(request.body, dict):
        raise bad_request("A fault is an object.")
    return account.faults.add(Fault.from_json(request.body)).as_json()


def remove_faults(account: Account, request: ControlRequest) -> JsonObject:
    """Remove a fault by id, or all faults."""
    if request.resource_id:
        if account.faults.by_id.pop(request.resource_id, None) is None:
            raise ErrorResponse([not_found("fault", request.resource_id)])
    else:
        account.faults.clear()
    return {}


def show_switches(account: Account, _: ControlRequest) -> list[JsonObject]:
    """Return all switches: value, default, possible values, and help."""
    return account.switches.as_json()


def set_switches(account: Account, request: ControlRequest) -> list[JsonObject]:
    """Set switches by name, and return all switches."""
    if not isinstance(request.body, dict):
        raise bad_request("An object of switches and values is required.")
    try:
        account.switches.set_values(request.body)
    except ValueError as error:
        raise bad_request(str(error)) from error
    return account.switches.as_json()


def reset_account(account: Account, _: ControlRequest) -> JsonObject:
    """Delete all data in the account."""
    account.reset()
    return {}


def delete_list(account: Account, request: ControlRequest) -> JsonObject:
    """Delete a list, as a person can do in Klaviyo's web application."""
    if request.resource_id not in account.lists.by_id:
        raise ErrorResponse([not_found("list", request.resource_id)])
    account.delete_list(request.resource_id)
    return {}


ControlHandler: TypeAlias = Callable[
    [Account, ControlRequest], JsonObject | list[JsonObject]
]
