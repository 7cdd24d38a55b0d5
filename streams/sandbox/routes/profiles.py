"""Profiles: create, update, read, find, merge."""

from streams.sandbox import attributes, bodies, render, render_profile
from streams.sandbox.calls import Answer, Call, Json
from streams.sandbox.errors import (
    ApiError,
    Refusal,
    duplicate_profile,
    not_found,
    refuse,
)
from streams.sandbox.imports import upsert
from streams.sandbox.profiles import IDENTIFIERS, Profile
from streams.sandbox.world import World


def find(world: World, profile_id: str) -> Profile:
    """Return the profile of the path.

    Raises:
        Refusal: 404, also for one that was merged into another.
    """
    profile = world.profiles.by_id.get(profile_id)
    if profile is None:
        raise Refusal([not_found("profile", profile_id, parameter="id")])
    return profile


def write(world: World, call: Call, profile: Profile) -> Json:
    """Write a profile with its consent."""
    standing = world.consents.by_profile.get(profile.id)
    return render_profile.profile(call, profile, standing=standing)


def create(world: World, call: Call) -> Answer:
    """`POST /api/profiles`: 201, or 409 when an identifier is taken."""
    item = _read(call)
    owners = world.profiles.owners(item["attributes"])
    if owners:
        raise Refusal([duplicate_profile(owners[0].id)])
    profile = world.profiles.create(item["attributes"], now_s=call.now_s)
    return Answer(status=201, body={"data": write(world, call, profile)}, items=1)


def update(world: World, call: Call) -> Answer:
    """`PATCH /api/profiles/{id}`: 200, or 409 when an identifier is another's."""
    item = bodies.resource(call.body, kind="profile")
    item.setdefault("attributes", {})
    attributes.check_resource(item, pointer="/data")
    if item.get("id") != call.path_id:
        raise refuse("'id' must be the id of the path.", pointer="/data/id")
    find(world, call.path_id)
    profile = _upserted(world, call, item)
    return Answer(body={"data": write(world, call, profile)}, items=1)


def create_or_update(world: World, call: Call) -> Answer:
    """`POST /api/profile-import`: 201 when new, 200 when it was there."""
    item = _read(call)
    before = len(world.profiles)
    profile = _upserted(world, call, item)
    status = 201 if len(world.profiles) > before else 200
    return Answer(status=status, body={"data": write(world, call, profile)}, items=1)


def read(world: World, call: Call) -> Answer:
    """`GET /api/profiles/{id}`."""
    profile = find(world, call.path_id)
    body: Json = {"data": write(world, call, profile)}
    if "lists" in call.query.get("include", ""):
        plain = render.without_extras(call)
        body["included"] = [
            render.mail_list(plain, world.lists.by_id[list_id])
            for list_id in sorted(profile.lists)
        ]
    return Answer(body=body)


def list_ids(world: World, call: Call) -> Answer:
    """`GET /api/profiles/{id}/relationships/lists`."""
    profile = find(world, call.path_id)
    data = [{"type": "list", "id": list_id} for list_id in sorted(profile.lists)]
    return Answer(body={"data": data, "links": {"self": call.base_url + call.path}})


def merge(world: World, call: Call) -> Answer:
    """`POST /api/profile-merge`: the source goes, the destination keeps the rest."""
    item = bodies.resource(call.body, kind="profile-merge")
    into = _known(world, bodies.text(item, "id", pointer="/data"), pointer="/data/id")
    relations = bodies.member(item, "relationships", pointer="/data")
    pointer = "/data/relationships/profiles"
    given = bodies.member(relations, "profiles", pointer="/data/relationships")
    sources = bodies.rows(given, pointer=pointer, maximum=1)
    (source_id,) = bodies.ids(sources, kind="profile", pointer=f"{pointer}/data")
    source = _known(world, source_id, pointer=f"{pointer}/data/0/id")
    if source is into:
        raise refuse("A profile does not merge into itself.", pointer=pointer)
    world.settle(lambda at_s: _merge(world, source, into, at_s), now_s=call.now_s)
    self_link = f"{call.base_url}/api/profiles/{into.id}"
    data = {"type": "profile", "id": into.id, "links": {"self": self_link}}
    return Answer(status=201, body={"data": data}, items=1)


def _merge(world: World, source: Profile, into: Profile, at_s: float) -> None:
    if source.id not in world.profiles.by_id or into.id not in world.profiles.by_id:
        return
    joined = [world.lists.by_id[list_id] for list_id in sorted(source.lists)]
    names = {name: getattr(source, name) for name in IDENTIFIERS}
    world.events.move(source.id, into_id=into.id)
    world.consents.merge(source.id, into_id=into.id)
    world.remove_profile(source)
    inherited = {k: v for k, v in names.items() if v and getattr(into, k) is None}
    world.profiles.update(into, inherited, now_s=at_s)
    into.fields = source.fields | into.fields
    into.location = source.location | into.location
    into.properties = source.properties | into.properties
    for mail_list in joined:
        world.lists.join(mail_list, [into], now_s=at_s)


def _known(world: World, profile_id: str, *, pointer: str) -> Profile:
    profile = world.profiles.by_id.get(profile_id)
    if profile is None:
        raise Refusal([not_found("profile", profile_id, pointer=pointer)])
    return profile


def _read(call: Call) -> Json:
    item = bodies.resource(call.body, kind="profile")
    attributes.check_resource(item, pointer="/data")
    if not attributes.named(item):
        raise refuse("At least one identifier is required.", pointer="/data/attributes")
    return item


def _upserted(world: World, call: Call, item: Json) -> Profile:
    result = upsert(world.profiles, item, now_s=call.now_s)
    if isinstance(result, ApiError):
        raise Refusal([result])
    return result
