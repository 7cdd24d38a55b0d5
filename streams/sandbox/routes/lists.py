"""Lists: create, rename, read, search, and change members."""

from streams.sandbox.account.account import Account
from streams.sandbox.account.lists import MailList
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.jsonapi import bodies, filters, pagination
from streams.sandbox.jsonapi.errors import (
    ErrorResponse,
    JsonApiError,
    bad_request,
    not_found,
)
from streams.sandbox.jsonapi.messages import HandlerResponse, JsonObject, ParsedRequest
from streams.sandbox.limits import RELATIONSHIP_MAX_IDS
from streams.sandbox.routes import render

OPT_INS = ("single_opt_in", "double_opt_in")
"""`create_list`, member `opt_in_process`."""

_EQUAL = frozenset({"equals", "any"})
_AFTER = frozenset({"greater-than"})
_BOUNDS = _AFTER | {"less-than", "greater-or-equal", "less-or-equal"}
FILTERS = {"name": _EQUAL, "id": _EQUAL, "created": _AFTER, "updated": _AFTER}
"""`get_lists`, parameter `filter`."""

MEMBER_FILTERS = {"email": _EQUAL, "phone_number": _EQUAL, "joined_group_at": _BOUNDS}
"""`get_profiles_for_list`, parameter `filter`, without `push_token` and `_kx`."""

MemberRow = tuple[int, float, StoredProfile]


def find(account: Account, list_id: str) -> MailList:
    """Return the list with an id from the path.

    Raises:
        ErrorResponse: 404 for an unknown list.
    """
    mail_list = account.lists.by_id.get(list_id)
    if mail_list is None:
        raise ErrorResponse([not_found("list", list_id, parameter="id")])
    return mail_list


def create(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Create a list, names need not be unique: `POST /api/lists`, 201."""
    item = bodies.resource(request.body, kind="list")
    list_attributes = bodies.required_object(item, "attributes", pointer="/data")
    mail_list = account.lists.create(
        bodies.required_text(list_attributes, "name", pointer="/data/attributes"),
        opt_in_process=_parse_opt_in(
            list_attributes.get("opt_in_process") or OPT_INS[0]
        ),
        now_s=request.now_s,
    )
    body = {"data": render.render_list(request, mail_list)}
    return HandlerResponse(status=201, body=body, items=1)


def update(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Change name and opt-in process of a list: `PATCH /api/lists/{id}`."""
    mail_list = find(account, request.path_id)
    item = bodies.resource(request.body, kind="list")
    list_attributes = bodies.required_object(item, "attributes", pointer="/data")
    if item.get("id") != request.path_id:
        raise bad_request("'id' must be the id of the path.", pointer="/data/id")
    if list_attributes.get("name") is not None:
        mail_list.name = bodies.required_text(
            list_attributes, "name", pointer="/data/attributes"
        )
    if list_attributes.get("opt_in_process") is not None:
        mail_list.opt_in_process = _parse_opt_in(list_attributes["opt_in_process"])
    mail_list.updated_s = request.now_s
    return HandlerResponse(
        body={"data": render.render_list(request, mail_list)}, items=1
    )


def get(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return a list of the account: `GET /api/lists/{id}`."""
    mail_list = find(account, request.path_id)
    return HandlerResponse(body={"data": render.render_list(request, mail_list)})


def search(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Search for lists: `GET /api/lists` with filter, sort and pages of ten."""
    conditions = filters.parse(request.query.get("filter", ""), allowed=FILTERS)
    sort_field = request.query.get("sort", "id")
    name, descending = sort_field.lstrip("-"), sort_field.startswith("-")
    if name not in FILTERS:
        raise bad_request(
            f"'{sort_field}' is not a valid sort of lists.", parameter="sort"
        )
    mail_lists = [
        mail_list
        for mail_list in account.lists.by_id.values()
        if all(
            filters.matches(condition, _field_value(mail_list, condition.field))
            for condition in conditions
        )
    ]
    mail_lists.sort(
        key=lambda mail_list: [_field_value(mail_list, name), mail_list.seq],
        reverse=descending,
    )
    page, links = pagination.paginate(
        request,
        mail_lists,
        key=lambda mail_list: [_field_value(mail_list, name), mail_list.seq],
        sizes=pagination.LIST_PAGES,
        descending=descending,
    )
    data = [render.render_list(request, mail_list) for mail_list in page]
    return HandlerResponse(body={"data": data, "links": links})


def add_profiles(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Add members without consent: `POST /api/lists/{id}/relationships/profiles`."""
    mail_list = find(account, request.path_id)
    profiles = _parse_profiles(account, request)
    mail_list.changes.count_add_request(items=len(profiles))
    account.lists.add_members(mail_list, profiles, now_s=request.now_s)
    return HandlerResponse(status=204, items=len(profiles))


def remove_profiles(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Remove members, if any: `DELETE /api/lists/{id}/relationships/profiles`."""
    mail_list = find(account, request.path_id)
    profiles = _parse_profiles(account, request)
    mail_list.changes.count_remove_request(items=len(profiles))
    account.lists.remove_members(mail_list, profiles)
    return HandlerResponse(status=204, items=len(profiles))


def get_profile_ids(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return member ids of a list: `GET /api/lists/{id}/relationships/profiles`."""
    members, links = _search_members(account, request)
    data = [{"type": "profile", "id": profile.id} for _, _, profile in members]
    return HandlerResponse(body={"data": data, "links": links})


def get_profiles(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return members with time of joining: `GET /api/lists/{id}/profiles`."""
    members, links = _search_members(account, request)
    data = [
        _render_member(account, request, profile, joined_s)
        for _, joined_s, profile in members
    ]
    return HandlerResponse(body={"data": data, "links": links})


def _render_member(
    account: Account, request: ParsedRequest, profile: StoredProfile, joined_s: float
) -> JsonObject:
    consent_state = account.consents.by_profile.get(profile.id)
    return render.render_profile(
        request, profile, consent_state=consent_state, joined_s=joined_s
    )


def _search_members(
    account: Account, request: ParsedRequest
) -> tuple[list[MemberRow], dict[str, object]]:
    mail_list = find(account, request.path_id)
    conditions = filters.parse(request.query.get("filter", ""), allowed=MEMBER_FILTERS)
    sort_field = request.query.get("sort", "joined_group_at")
    if sort_field.lstrip("-") != "joined_group_at":
        raise bad_request(
            f"'{sort_field}' is not a valid sort of members.", parameter="sort"
        )
    by_id = account.profiles.by_id
    rows = (
        (seq, joined_s, by_id[profile_id])
        for profile_id, (seq, joined_s) in mail_list.members.items()
    )
    matching = (
        row for row in rows if all(_matches(row, condition) for condition in conditions)
    )
    descending = sort_field.startswith("-")
    return pagination.paginate(
        request,
        reversed(list(matching)) if descending else matching,
        key=lambda row: [row[0]],
        sizes=pagination.PROFILE_PAGES,
        descending=descending,
    )


def _matches(row: MemberRow, condition: filters.FilterCondition) -> bool:
    _, joined_s, profile = row
    if condition.field == "joined_group_at":
        return filters.matches(condition, joined_s)
    if condition.field == "email":
        return profile.email in [value.lower() for value in condition.values]
    return filters.matches(condition, profile.phone_number)


def _field_value(mail_list: MailList, name: str) -> str | float:
    values: dict[str, str | float] = {
        "id": mail_list.id,
        "name": mail_list.name,
        "created": mail_list.created_s,
        "updated": mail_list.updated_s,
    }
    return values[name]


def _parse_opt_in(value: object) -> str:
    if value not in OPT_INS or not isinstance(value, str):
        raise bad_request(
            f"'opt_in_process' must be one of {OPT_INS}.",
            pointer="/data/attributes/opt_in_process",
        )
    return value


def _parse_profiles(account: Account, request: ParsedRequest) -> list[StoredProfile]:
    """Parse profile ids; any unknown id fails the whole request."""
    items = bodies.data_rows(request.body, pointer="", maximum=RELATIONSHIP_MAX_IDS)
    found_profiles: list[StoredProfile] = []
    missing: list[JsonApiError] = []
    for index, profile_id in enumerate(bodies.resource_ids(items, kind="profile")):
        profile = account.profiles.by_id.get(profile_id)
        if profile is None:
            pointer = f"/data/{index}/id"
            missing.append(not_found("profile", profile_id, pointer=pointer))
        else:
            found_profiles.append(profile)
    if missing:
        raise ErrorResponse(missing)
    return found_profiles
