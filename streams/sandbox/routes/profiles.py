"""Profiles: create, update, read, merge and delete."""

from streams.sandbox.account import profile_rules
from streams.sandbox.account.account import Account
from streams.sandbox.account.profiles import StoredProfile
from streams.sandbox.account.resolution import conflict_error
from streams.sandbox.jsonapi import bodies
from streams.sandbox.jsonapi.errors import (
    ErrorResponse,
    JsonApiError,
    bad_request,
    not_found,
)
from streams.sandbox.jsonapi.messages import HandlerResponse, JsonObject, ParsedRequest
from streams.sandbox.jsonapi.resources import without_query
from streams.sandbox.routes import render


def find(account: Account, profile_id: str) -> StoredProfile:
    """Return the profile with an id from the path.

    Raises:
        ErrorResponse: 404, also for a profile that was merged into another.
    """
    profile = account.profiles.by_id.get(profile_id)
    if profile is None:
        raise ErrorResponse([not_found("profile", profile_id, parameter="id")])
    return profile


def render_with_consent(
    account: Account, request: ParsedRequest, profile: StoredProfile
) -> JsonObject:
    """Return a profile as JSON, including consent."""
    consent_state = account.consents.by_profile.get(profile.id)
    return render.render_profile(request, profile, consent_state=consent_state)


def create(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Create a profile: `POST /api/profiles`, 201, or 409 if ids are taken."""
    item = _parse_profile(account, request)
    owners = account.profiles.find_owners(item["attributes"])
    if owners:
        raise ErrorResponse([conflict_error(owners, switches=account.switches)])
    profile = account.profiles.create(item["attributes"], now_s=request.now_s)
    return HandlerResponse(
        status=201,
        body={"data": render_with_consent(account, request, profile)},
        items=1,
    )


def update(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Update a profile: `PATCH /api/profiles/{id}`, 200, or 409 if ids are taken."""
    item = bodies.resource(request.body, kind="profile")
    item.setdefault("attributes", {})
    _check_payload(account, item)
    if item.get("id") != request.path_id:
        raise bad_request("'id' must be the id of the path.", pointer="/data/id")
    find(account, request.path_id)
    profile = _written(account.identities.upsert(item, now_s=request.now_s))
    return HandlerResponse(
        body={"data": render_with_consent(account, request, profile)}, items=1
    )


def create_or_update(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Create (201) or update (200) a profile: `POST /api/profile-import`."""
    item = _parse_profile(account, request)
    last_seq = account.profiles.last_seq
    profile = _written(account.identities.import_profile(item, now_s=request.now_s))
    status = 201 if profile.seq > last_seq else 200
    return HandlerResponse(
        status=status,
        body={"data": render_with_consent(account, request, profile)},
        items=1,
    )


def get(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return a profile, with lists if requested: `GET /api/profiles/{id}`."""
    profile = find(account, request.path_id)
    body: JsonObject = {"data": render_with_consent(account, request, profile)}
    if "lists" in request.query.get("include", ""):
        plain = without_query(request)
        body["included"] = [
            render.render_list(plain, account.lists.by_id[list_id])
            for list_id in sorted(profile.lists)
        ]
    return HandlerResponse(body=body)


def get_list_ids(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return a profile's list ids: `GET /api/profiles/{id}/relationships/lists`."""
    profile = find(account, request.path_id)
    data = [{"type": "list", "id": list_id} for list_id in sorted(profile.lists)]
    return HandlerResponse(
        body={"data": data, "links": {"self": request.base_url + request.path}}
    )


def merge(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Queue a merge of two profiles: `POST /api/profile-merge`, 202."""
    item = bodies.resource(request.body, kind="profile-merge")
    target = _require_profile(
        account, bodies.required_text(item, "id", pointer="/data"), pointer="/data/id"
    )
    relations = bodies.required_object(item, "relationships", pointer="/data")
    pointer = "/data/relationships/profiles"
    profiles_json = bodies.required_object(
        relations, "profiles", pointer="/data/relationships"
    )
    sources = bodies.data_rows(profiles_json, pointer=pointer, maximum=1)
    (source_id,) = bodies.resource_ids(
        sources, kind="profile", pointer=f"{pointer}/data"
    )
    source = _require_profile(account, source_id, pointer=f"{pointer}/data/0/id")
    if source is target:
        raise bad_request("A profile does not merge into itself.", pointer=pointer)
    account.merge_later(source, into=target, now_s=request.now_s)
    self_link = f"{request.base_url}/api/profiles/{target.id}"
    data = {"type": "profile", "id": target.id, "links": {"self": self_link}}
    status = int(account.switches.merge_status)
    return HandlerResponse(status=status, body={"data": data}, items=1)


def request_deletion(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Delete a person, known or not: `POST /api/data-privacy-deletion-jobs`, 202."""
    job = bodies.resource(request.body, kind="data-privacy-deletion-job")
    attributes_json = bodies.required_object(job, "attributes", pointer="/data")
    pointer = "/data/attributes/profile"
    profile = bodies.required_object(
        attributes_json, "profile", pointer="/data/attributes"
    )
    item = bodies.required_object(profile, "data", pointer=pointer)
    bodies.check_type(item, kind="profile", pointer=f"{pointer}/data")
    item.setdefault("attributes", {})
    profile_rules.check_resource(item, pointer=f"{pointer}/data")
    identifiers = {"id": item.get("id"), **item["attributes"]}
    if [name for name, value in identifiers.items() if value] not in _ONE_IDENTIFIER:
        raise bad_request(
            "Give exactly one of id, email, phone_number.", pointer=pointer
        )
    account.apply_later(
        lambda _: _delete_profiles(account, identifiers), now_s=request.now_s
    )
    return HandlerResponse(status=202, items=1)


_ONE_IDENTIFIER = (["id"], ["email"], ["phone_number"])


def _delete_profiles(account: Account, identifiers: JsonObject) -> None:
    profile = account.profiles.by_id.get(identifiers["id"] or "")
    for owner in [profile] if profile else account.profiles.find_owners(identifiers):
        account.events.remove_profile(owner.id)
        account.remove_profile(owner)


def _require_profile(
    account: Account, profile_id: str, *, pointer: str
) -> StoredProfile:
    profile = account.profiles.by_id.get(profile_id)
    if profile is None:
        raise ErrorResponse([not_found("profile", profile_id, pointer=pointer)])
    return profile


def _parse_profile(account: Account, request: ParsedRequest) -> JsonObject:
    item = bodies.resource(request.body, kind="profile")
    _check_payload(account, item)
    if not profile_rules.has_identifier(item):
        raise bad_request(
            "At least one identifier is required.", pointer="/data/attributes"
        )
    return item


def _check_payload(account: Account, item: JsonObject) -> None:
    errors = profile_rules.find_payload_errors(
        item, pointer="/data", switches=account.switches
    )
    if errors:
        raise ErrorResponse(errors)
    profile_rules.check_resource(item, pointer="/data")


def _written(result: StoredProfile | JsonApiError) -> StoredProfile:
    if isinstance(result, JsonApiError):
        raise ErrorResponse([result])
    return result
