"""What the sandbox holds, and how it is steered: the answers under `/sandbox/`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

from streams.sandbox.calls import Json
from streams.sandbox.errors import Refusal, not_found, refuse
from streams.sandbox.faults import Fault
from streams.sandbox.lists import MailList
from streams.sandbox.profiles import Profile
from streams.sandbox.times import iso
from streams.sandbox.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question or order.

    Attributes:
        name: What follows `/sandbox/<topic>/` in the path; empty when nothing does.
        query: Query parameters.
        body: JSON body; None when there is none.
        now_s: The time it is.
    """

    name: str
    query: Mapping[str, str]
    body: object
    now_s: float


def state(world: World, _: Ask) -> Json:
    """Count everything."""
    return {
        "profiles": len(world.profiles),
        "lists": len(world.lists.by_id),
        "members": sum(len(one.members) for one in world.lists.by_id.values()),
        "events": len(world.events.by_key),
        "events_repeated": world.events.repeated,
        "events_ignored": world.events.ignored,
        "metrics": len(world.events.metrics),
        "jobs": len(world.jobs.by_id),
        "jobs_running": world.jobs.running,
        "confirmation_mails": len(world.consents.confirmation_mails),
        "requests": sum(world.log.counts.values()),
        "faults": len(world.faults.by_id),
    }


def lists(world: World, ask: Ask) -> list[Json]:
    """Show the lists with their members; `?name=` picks those of one name."""
    wanted = ask.query.get("name")
    return [
        _list(world, one)
        for one in world.lists.by_id.values()
        if wanted is None or one.name == wanted
    ]


def _list(world: World, one: MailList) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "opt_in_process": one.opt_in_process,
        "created": iso(one.created_s),
        "members": [_member(world.profiles.by_id[name]) for name in one.members],
    }


def _member(profile: Profile) -> Json:
    return {
        "profile_id": profile.id,
        "email": profile.email,
        "external_id": profile.external_id,
        "phone_number": profile.phone_number,
    }


def profiles(world: World, _: Ask) -> list[Json]:
    """Show every profile with the lists it is on."""
    return [
        {
            "id": one.id,
            "email": one.email,
            "phone_number": one.phone_number,
            "external_id": one.external_id,
            "anonymous_id": one.anonymous_id,
            **one.fields,
            "location": one.location,
            "properties": one.properties,
            "lists": sorted(one.lists),
        }
        for one in world.profiles
    ]


def events(world: World, _: Ask) -> list[Json]:
    """Show every event with the name of its metric."""
    names = {one.id: one.name for one in world.events.metrics.values()}
    return [
        {**_plain(one), "metric": names[one.metric_id], "time": iso(one.time_s)}
        for one in world.events.by_key.values()
    ]


def _plain(one: object) -> Json:
    names: tuple[str, ...] = one.__slots__  # type: ignore[attr-defined]  # slotted
    return {name: getattr(one, name) for name in names}


def consent(world: World, _: Ask) -> list[Json]:
    """Show the standing of every profile that has one."""
    mails = world.consents.confirmation_mails
    return [
        {
            "profile_id": profile_id,
            "email": world.profiles.by_id[profile_id].email,
            "phone_number": world.profiles.by_id[profile_id].phone_number,
            "consents": {
                "/".join(purpose): asdict(one)
                for purpose, one in standing.consents.items()
            },
            "suppressions": sorted(standing.suppressions),
            "list_suppressions": sorted(standing.list_suppressions),
            "waiting": ["/".join(purpose) for purpose in standing.waiting],
            "confirmation_mails": sum(mail[0] == profile_id for mail in mails),
        }
        for profile_id, standing in world.consents.by_profile.items()
    ]


def requests(world: World, _: Ask) -> Json:
    """Show the request log and its counters."""
    return {
        "counters": world.log.counters(),
        "log": [entry.as_json() for entry in world.log.entries],
    }


def changes(world: World, _: Ask) -> Json:
    """Show, for each list and in total, what was asked of it and what it changed."""
    by_list = {
        one.id: {"name": one.name, **asdict(one.changes)}
        for one in world.lists.by_id.values()
    }
    counts = [asdict(one.changes) for one in world.lists.by_id.values()]
    names = counts[0] if counts else {}
    total = {name: sum(count[name] for count in counts) for name in names}
    return {"total": total, "lists": by_list}


def show_faults(world: World, _: Ask) -> list[Json]:
    """Show the faults in force, with what each has struck."""
    return [fault.as_json() for fault in world.faults.by_id.values()]


def add_fault(world: World, ask: Ask) -> Json:
    """Put a fault in force."""
    if not isinstance(ask.body, dict):
        raise refuse("A fault is an object.")
    return world.faults.add(Fault.from_json(ask.body)).as_json()


def end_faults(world: World, ask: Ask) -> Json:
    """End one fault by its id, or all."""
    if ask.name:
        if world.faults.by_id.pop(ask.name, None) is None:
            raise Refusal([not_found("fault", ask.name)])
    else:
        world.faults.clear()
    return {}


def reset(world: World, _: Ask) -> Json:
    """Forget everything."""
    world.reset()
    return {}


def delete_list(world: World, ask: Ask) -> Json:
    """Delete a list, as a person may in Klaviyo's own pages."""
    if ask.name not in world.lists.by_id:
        raise Refusal([not_found("list", ask.name)])
    world.delete_list(ask.name)
    return {}


Answerer: TypeAlias = Callable[[World, Ask], Json | list[Json]]
