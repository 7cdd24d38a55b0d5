"""Lists: create, rename, read, find, and who is on them."""

from streams.sandbox import bodies, filters, pages, render, render_profile
from streams.sandbox.calls import Answer, Call, Json
from streams.sandbox.errors import ApiError, Refusal, not_found, refuse
from streams.sandbox.limits import RELATIONSHIP_MAX_IDS
from streams.sandbox.lists import MailList
from streams.sandbox.profiles import Profile
from streams.sandbox.world import World

OPT_INS = ("single_opt_in", "double_opt_in")
"""`create_list`, member `opt_in_process`."""

_EQUAL = frozenset({"equals", "any"})
_AFTER = frozenset({"greater-than"})
_BOUNDS = _AFTER | {"less-than", "greater-or-equal", "less-or-equal"}
FILTERS = {"name": _EQUAL, "id": _EQUAL, "created": _AFTER, "updated": _AFTER}
"""`get_lists`, parameter `filter`."""

MEMBER_FILTERS = {"email": _EQUAL, "phone_number": _EQUAL, "joined_group_at": _BOUNDS}
"""`get_profiles_for_list`, parameter `filter`; `push_token`, `_kx` are not offered."""

Member = tuple[int, float, Profile]


def find(world: World, list_id: str) -> MailList:
    """Return the list of the path.

    Raises:
        Refusal: 404.
    """
    mail_list = world.lists.by_id.get(list_id)
    if mail_list is None:
        raise Refusal([not_found("list", list_id, parameter="id")])
    return mail_list


def create(world: World, call: Call) -> Answer:
    """`POST /api/lists`: 201, whatever other lists are called."""
    item = bodies.resource(call.body, kind="list")
    given = bodies.member(item, "attributes", pointer="/data")
    mail_list = world.lists.create(
        bodies.text(given, "name", pointer="/data/attributes"),
        opt_in_process=_opt_in(given.get("opt_in_process") or OPT_INS[0]),
        now_s=call.now_s,
    )
    body = {"data": render.mail_list(call, mail_list)}
    return Answer(status=201, body=body, items=1)


def update(world: World, call: Call) -> Answer:
    """`PATCH /api/lists/{id}`: name and opt-in."""
    mail_list = find(world, call.path_id)
    item = bodies.resource(call.body, kind="list")
    given = bodies.member(item, "attributes", pointer="/data")
    if item.get("id") != call.path_id:
        raise refuse("'id' must be the id of the path.", pointer="/data/id")
    if given.get("name") is not None:
        mail_list.name = bodies.text(given, "name", pointer="/data/attributes")
    if given.get("opt_in_process") is not None:
        mail_list.opt_in_process = _opt_in(given["opt_in_process"])
    mail_list.updated_s = call.now_s
    return Answer(body={"data": render.mail_list(call, mail_list)}, items=1)


def read(world: World, call: Call) -> Answer:
    """`GET /api/lists/{id}`."""
    mail_list = find(world, call.path_id)
    return Answer(body={"data": render.mail_list(call, mail_list)})


def query(world: World, call: Call) -> Answer:
    """`GET /api/lists`: filter, sort, pages of ten."""
    conditions = filters.parse(call.query.get("filter", ""), allowed=FILTERS)
    sort = call.query.get("sort", "id")
    name, descending = sort.lstrip("-"), sort.startswith("-")
    if name not in FILTERS:
        raise refuse(f"'{sort}' is no sort of lists.", parameter="sort")
    found = [
        one
        for one in world.lists.by_id.values()
        if all(filters.holds(each, _value(one, each.field)) for each in conditions)
    ]
    found.sort(key=lambda one: [_value(one, name), one.seq], reverse=descending)
    page, links = pages.paginate(
        call,
        found,
        key=lambda one: [_value(one, name), one.seq],
        sizes=pages.LISTS,
        descending=descending,
    )
    data = [render.mail_list(call, one) for one in page]
    return Answer(body={"data": data, "links": links})


def add_profiles(world: World, call: Call) -> Answer:
    """`POST /api/lists/{id}/relationships/profiles`: touches no consent."""
    mail_list = find(world, call.path_id)
    profiles = _profiles(world, call)
    mail_list.changes.asked_to_add(items=len(profiles))
    world.lists.join(mail_list, profiles, now_s=call.now_s)
    return Answer(status=204, items=len(profiles))


def remove_profiles(world: World, call: Call) -> Answer:
    """`DELETE /api/lists/{id}/relationships/profiles`: no member, no change."""
    mail_list = find(world, call.path_id)
    profiles = _profiles(world, call)
    mail_list.changes.asked_to_remove(items=len(profiles))
    world.lists.leave(mail_list, profiles)
    return Answer(status=204, items=len(profiles))


def profile_ids(world: World, call: Call) -> Answer:
    """`GET /api/lists/{id}/relationships/profiles`."""
    members, links = _members(world, call)
    data = [{"type": "profile", "id": profile.id} for _, _, profile in members]
    return Answer(body={"data": data, "links": links})


def profiles(world: World, call: Call) -> Answer:
    """`GET /api/lists/{id}/profiles`."""
    members, links = _members(world, call)
    data = [_member(world, call, profile, joined_s) for _, joined_s, profile in members]
    return Answer(body={"data": data, "links": links})


def _member(world: World, call: Call, profile: Profile, joined_s: float) -> Json:
    standing = world.consents.by_profile.get(profile.id)
    return render_profile.profile(call, profile, standing=standing, joined_s=joined_s)


def _members(world: World, call: Call) -> tuple[list[Member], dict[str, object]]:
    mail_list = find(world, call.path_id)
    conditions = filters.parse(call.query.get("filter", ""), allowed=MEMBER_FILTERS)
    sort = call.query.get("sort", "joined_group_at")
    if sort.lstrip("-") != "joined_group_at":
        raise refuse(f"'{sort}' is no sort of members.", parameter="sort")
    by_id = world.profiles.by_id
    rows = ((seq, at, by_id[one]) for one, (seq, at) in mail_list.members.items())
    found = (
        row for row in rows if all(_holds(row, condition) for condition in conditions)
    )
    descending = sort.startswith("-")
    return pages.paginate(
        call,
        reversed(list(found)) if descending else found,
        key=lambda row: [row[0]],
        sizes=pages.PROFILES,
        descending=descending,
    )


def _holds(row: Member, condition: filters.Condition) -> bool:
    _, joined_s, profile = row
    if condition.field == "joined_group_at":
        return filters.holds(condition, joined_s)
    if condition.field == "email":
        return profile.email in [value.lower() for value in condition.values]
    return filters.holds(condition, profile.phone_number)


def _value(one: MailList, name: str) -> str | float:
    values: dict[str, str | float] = {
        "id": one.id,
        "name": one.name,
        "created": one.created_s,
        "updated": one.updated_s,
    }
    return values[name]


def _opt_in(value: object) -> str:
    if value not in OPT_INS or not isinstance(value, str):
        raise refuse(
            f"'opt_in_process' must be one of {OPT_INS}.",
            pointer="/data/attributes/opt_in_process",
        )
    return value


def _profiles(world: World, call: Call) -> list[Profile]:
    """Read profile ids; one unknown id refuses the whole request."""
    items = bodies.rows(call.body, pointer="", maximum=RELATIONSHIP_MAX_IDS)
    found: list[Profile] = []
    missing: list[ApiError] = []
    for index, profile_id in enumerate(bodies.ids(items, kind="profile")):
        profile = world.profiles.by_id.get(profile_id)
        if profile is None:
            pointer = f"/data/{index}/id"
            missing.append(not_found("profile", profile_id, pointer=pointer))
        else:
            found.append(profile)
    if missing:
        raise Refusal(missing)
    return found
