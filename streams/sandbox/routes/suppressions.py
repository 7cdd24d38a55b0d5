"""Suppression by hand: of addresses, or of all members of a list."""

from collections.abc import Callable

from streams.sandbox import attributes, bodies
from streams.sandbox.calls import Answer, Call, Json
from streams.sandbox.errors import refuse
from streams.sandbox.limits import UNSUBSCRIBE_MAX_PROFILES
from streams.sandbox.lists import MailList
from streams.sandbox.profiles import Profile
from streams.sandbox.routes.people import PROFILES, list_of, person
from streams.sandbox.times import iso
from streams.sandbox.world import World


def suppress(world: World, call: Call) -> Answer:
    """`POST /api/profile-suppression-bulk-create-jobs`: 202."""

    def change(profile: Profile, at_s: float) -> None:
        world.consents.suppress(profile.id, "USER_SUPPRESSED", now_s=at_s)

    return _suppression(world, call, verb="create", change=change)


def unsuppress(world: World, call: Call) -> Answer:
    """`POST /api/profile-suppression-bulk-delete-jobs`: 202; USER_SUPPRESSED only."""

    def change(profile: Profile, _: float) -> None:
        world.consents.unsuppress(profile.id)

    return _suppression(world, call, verb="delete", change=change)


def _suppression(
    world: World, call: Call, *, verb: str, change: Callable[[Profile, float], None]
) -> Answer:
    kind = f"profile-suppression-bulk-{verb}-job"
    job = bodies.resource(call.body, kind=kind)
    mail_list = list_of(world, job)
    emails = _emails(job)
    if bool(emails) == (mail_list is not None):
        raise refuse("Give either profiles or a list.", pointer="/data")

    def apply(at_s: float) -> None:
        for profile in _addressed(world, emails, mail_list, create=verb, at_s=at_s):
            change(profile, at_s)

    total = len(mail_list.members) if mail_list else len(emails)
    world.settle(apply, now_s=call.now_s)
    body = {"data": _suppression_job(call, kind, total=total)}
    return Answer(status=202, body=body, items=total)


def _emails(job: Json) -> list[str]:
    given = bodies.optional(job, "attributes", pointer="/data")
    profiles = given.get("profiles")
    if profiles is None:
        return []
    maximum = UNSUBSCRIBE_MAX_PROFILES
    items = bodies.rows(profiles, pointer=PROFILES, maximum=maximum)
    found = []
    for index, item in enumerate(items):
        names = bodies.member(item, "attributes", pointer=f"{PROFILES}/data/{index}")
        email = names.get("email")
        if not isinstance(email, str) or not attributes.is_email(email):
            pointer = f"{PROFILES}/data/{index}/attributes/email"
            raise refuse("Invalid email address", pointer=pointer)
        found.append(email)
    return found


def _addressed(
    world: World,
    emails: list[str],
    mail_list: MailList | None,
    *,
    create: str,
    at_s: float,
) -> list[Profile]:
    if mail_list is not None:
        return [world.profiles.by_id[name] for name in mail_list.members]
    items: list[Json] = [{"attributes": {"email": email}} for email in emails]
    if create == "delete":
        items = [one for one in items if world.profiles.owners(one["attributes"])]
    return [person(world, item, at_s=at_s) for item in items]


def _suppression_job(call: Call, kind: str, *, total: int) -> Json:
    name = f"S{int(call.now_s * 1000):013d}"
    return {
        "type": kind,
        "id": name,
        "attributes": {
            "status": "queued",
            "created_at": iso(call.now_s),
            "total_count": total,
            "completed_count": 0,
            "completed_at": None,
            "skipped_count": 0,
        },
        "links": {"self": f"{call.base_url}/api/{kind}s/{name}"},
    }
