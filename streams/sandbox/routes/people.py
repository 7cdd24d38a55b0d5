"""Whom and which list a consent job names."""

from streams.sandbox import bodies
from streams.sandbox.calls import Json
from streams.sandbox.errors import Refusal, not_found
from streams.sandbox.lists import MailList
from streams.sandbox.profiles import Profile
from streams.sandbox.world import World

PROFILES = "/data/attributes/profiles"
"""JSON pointer of the profiles of a consent job."""


def list_of(world: World, job: Json) -> MailList | None:
    """Return the list a job names, None when it names none.

    Raises:
        Refusal: 404 for an unknown one.
    """
    relations = bodies.optional(job, "relationships", pointer="/data")
    if relations.get("list") is None:
        return None
    pointer = "/data/relationships/list"
    item = bodies.member(relations["list"], "data", pointer=pointer)
    (list_id,) = bodies.ids([item], kind="list", pointer=f"{pointer}/data")
    mail_list = world.lists.by_id.get(list_id)
    if mail_list is None:
        error = not_found("list", list_id, pointer=f"{pointer}/data/id")
        raise Refusal([error])
    return mail_list


def person(world: World, item: Json, *, at_s: float) -> Profile:
    """Return whom the item names, created when unknown."""
    names: Json = item["attributes"]
    owners = world.profiles.owners(names)
    profile = world.profiles.by_id.get(item.get("id") or "")
    if profile is None and owners:
        profile = owners[0]
    if profile is None:
        return world.profiles.create(names, now_s=at_s)
    world.profiles.adopt(profile, names, now_s=at_s)
    return profile
