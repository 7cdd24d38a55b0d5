"""Consent: subscribe and unsubscribe, channel by channel."""

from collections.abc import Callable

from streams.sandbox import attributes, bodies
from streams.sandbox.calls import Answer, Call, Json
from streams.sandbox.errors import Refusal, not_found, refuse
from streams.sandbox.limits import SUBSCRIBE_MAX_PROFILES, UNSUBSCRIBE_MAX_PROFILES
from streams.sandbox.lists import MailList
from streams.sandbox.profiles import Profile
from streams.sandbox.routes.channels import purposes
from streams.sandbox.routes.people import PROFILES, list_of, person
from streams.sandbox.standing import Purpose, Terms
from streams.sandbox.world import World


def subscribe(world: World, call: Call) -> Answer:
    """`POST /api/profile-subscription-bulk-create-jobs`: 202."""
    job = bodies.resource(call.body, kind="profile-subscription-bulk-create-job")
    given = bodies.member(job, "attributes", pointer="/data")
    terms = _terms(world, job, given)
    people = _people(
        given,
        maximum=SUBSCRIBE_MAX_PROFILES,
        read=lambda names, here: purposes(
            names,
            pointer=here,
            consent="SUBSCRIBED",
            historical=terms.historical,
            now_s=call.now_s,
        ),
    )
    _check_ids(world, [item for item, _ in people])

    def change(at_s: float) -> None:
        for item, wanted in people:
            profile = person(world, item, at_s=at_s)
            joins = world.consents.subscribe(
                profile.id, wanted, terms=terms, now_s=at_s
            )
            if joins and terms.list_id in world.lists.by_id:
                mail_list = world.lists.by_id[terms.list_id]
                world.lists.join(mail_list, [profile], now_s=at_s)

    world.settle(change, now_s=call.now_s)
    return Answer(status=202, items=len(people))


def unsubscribe(world: World, call: Call) -> Answer:
    """`POST /api/profile-subscription-bulk-delete-jobs`: 202.

    With a list the profile is on, it leaves that list and is suppressed for it alone;
    otherwise, and for channels other than email, it unsubscribes globally.
    """
    job = bodies.resource(call.body, kind="profile-subscription-bulk-delete-job")
    given = bodies.member(job, "attributes", pointer="/data")
    mail_list = list_of(world, job)
    people = _people(
        given,
        maximum=UNSUBSCRIBE_MAX_PROFILES,
        read=lambda names, here: purposes(
            names, pointer=here, consent="UNSUBSCRIBED", now_s=call.now_s
        ),
    )

    def change(at_s: float) -> None:
        for item, wanted in people:
            profile = person(world, item, at_s=at_s)
            _withdraw(world, profile, list(wanted), mail_list=mail_list, at_s=at_s)

    world.settle(change, now_s=call.now_s)
    return Answer(status=202, items=len(people))


People = list[tuple[Json, dict[Purpose, float | None]]]


def _people(
    given: Json,
    *,
    maximum: int,
    read: Callable[[Json, str], dict[Purpose, float | None]],
) -> People:
    profiles = bodies.member(given, "profiles", pointer="/data/attributes")
    items = bodies.rows(profiles, pointer=PROFILES, maximum=maximum)
    found = []
    for index, item in enumerate(items):
        pointer = f"{PROFILES}/data/{index}"
        bodies.typed(item, kind="profile", pointer=pointer)
        names = bodies.member(item, "attributes", pointer=pointer)
        who = {k: v for k, v in names.items() if k in ("email", "phone_number")}
        named = {"id": item.get("id"), "attributes": who}
        attributes.check_resource(named, pointer=pointer)
        if not attributes.named(named):
            raise refuse(
                "'email' or 'phone_number' is required.",
                pointer=f"{pointer}/attributes",
            )
        wanted = read(names, f"{pointer}/attributes")
        found.append((named, wanted))
    return found


def _terms(world: World, job: Json, given: Json) -> Terms:
    mail_list = list_of(world, job)
    source = given.get("custom_source")
    if mail_list is None:
        asks = world.config.double_opt_in
    else:
        asks = mail_list.opt_in_process == "double_opt_in"
    return Terms(
        list_id=mail_list.id if mail_list else "",
        double_opt_in=asks,
        historical=given.get("historical_import") is True,
        source=source if isinstance(source, str) else None,
    )


def _check_ids(world: World, items: list[Json]) -> None:
    missing = [
        not_found("profile", item["id"], pointer=f"{PROFILES}/data/{index}/id")
        for index, item in enumerate(items)
        if item["id"] and item["id"] not in world.profiles.by_id
    ]
    if missing:
        raise Refusal(missing)


def _withdraw(
    world: World,
    profile: Profile,
    wanted: list[Purpose],
    *,
    mail_list: MailList | None,
    at_s: float,
) -> None:
    member = mail_list is not None and profile.id in mail_list.members
    for purpose in wanted:
        if mail_list is not None and member and purpose[0] == "email":
            world.consents.leave_list(profile.id, list_id=mail_list.id, now_s=at_s)
            world.lists.leave(mail_list, [profile])
        else:
            world.consents.unsubscribe(profile.id, purpose, now_s=at_s)
