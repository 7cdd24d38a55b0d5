"""Bulk import jobs: submit, poll, and read import errors."""

import orjson

from streams.sandbox.account import profile_rules
from streams.sandbox.account.account import Account
from streams.sandbox.account.import_jobs import ImportJob
from streams.sandbox.account.profile_rules import is_valid_meta
from streams.sandbox.jsonapi import bodies, filters, pagination
from streams.sandbox.jsonapi.errors import (
    ErrorResponse,
    JsonApiError,
    bad_request,
    invalid_input,
    not_found,
)
from streams.sandbox.jsonapi.messages import HandlerResponse, JsonObject, ParsedRequest
from streams.sandbox.jsonapi.resources import without_query
from streams.sandbox.limits import IMPORT_MAX_PROFILES, PROFILE_MAX_BYTES
from streams.sandbox.routes import render
from streams.sandbox.switches import Switches

FILTERS = {"status": frozenset({"any", "equals"})}
"""`get_bulk_import_profiles_jobs`, parameter `filter`."""

_PROFILES_POINTER = "/data/attributes/profiles"


def submit(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Submit a job: `POST /api/profile-bulk-import-jobs`, 202, or all errors."""
    job_resource = bodies.resource(request.body, kind="profile-bulk-import-job")
    job_attributes = bodies.required_object(job_resource, "attributes", pointer="/data")
    profiles = bodies.required_object(
        job_attributes, "profiles", pointer="/data/attributes"
    )
    items = bodies.data_rows(
        profiles, pointer=_PROFILES_POINTER, maximum=IMPORT_MAX_PROFILES
    )
    errors = [
        error
        for index, item in enumerate(items)
        for error in _find_errors(
            item,
            pointer=f"{_PROFILES_POINTER}/data/{index}",
            switches=account.switches,
        )
    ]
    if errors:
        raise ErrorResponse(errors)
    job = account.submit_import(
        items,
        list_ids=_parse_list_ids(account, job_resource),
        now_s=request.now_s,
    )
    body = {"data": render.render_import_job(request, job)}
    return HandlerResponse(status=202, body=body, items=len(items))


def search(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Search for jobs by status: `GET /api/profile-bulk-import-jobs`."""
    conditions = filters.parse(request.query.get("filter", ""), allowed=FILTERS)
    sort_field = request.query.get("sort", "created_at")
    if sort_field not in ("created_at", "-created_at"):
        raise bad_request(
            f"'{sort_field}' is not a valid sort of jobs.", parameter="sort"
        )
    jobs = [
        job
        for job in account.jobs.by_id.values()
        if all(
            filters.matches(condition, job.status(request.now_s))
            for condition in conditions
        )
    ]
    descending = sort_field.startswith("-")
    page, links = pagination.paginate(
        request,
        reversed(jobs) if descending else jobs,
        key=lambda job: [job.seq],
        sizes=pagination.PROFILE_PAGES,
        descending=descending,
    )
    data = [render.render_import_job(request, job) for job in page]
    return HandlerResponse(body={"data": data, "links": links})


def get(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return an import job: `GET /api/profile-bulk-import-jobs/{id}`."""
    job = _find(account, request.path_id)
    body: JsonObject = {"data": render.render_import_job(request, job)}
    if request.query.get("include") == "lists":
        body["included"] = [
            render.render_list(without_query(request), account.lists.by_id[list_id])
            for list_id in job.list_ids
            if list_id in account.lists.by_id
        ]
    return HandlerResponse(body=body)


def get_errors(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return the profile errors of a job: `GET .../{id}/import-errors`."""
    job = _find(account, request.path_id)
    page, links = pagination.paginate(
        request,
        enumerate(job.errors, start=1),
        key=lambda row: [row[0]],
        sizes=pagination.PROFILE_PAGES,
    )
    data = [
        _import_error(job, number, error=error, item=item)
        for number, (error, item) in page
    ]
    return HandlerResponse(body={"data": data, "links": links})


def get_profile_ids(account: Account, request: ParsedRequest) -> HandlerResponse:
    """Return the profile ids of a job: `GET .../{id}/relationships/profiles`."""
    job = _find(account, request.path_id)
    page, links = pagination.paginate(
        request,
        enumerate(job.profile_ids, start=1),
        key=lambda row: [row[0]],
        sizes=pagination.PROFILE_PAGES,
    )
    data = [{"type": "profile", "id": profile_id} for _, profile_id in page]
    return HandlerResponse(body={"data": data, "links": links})


def _find(account: Account, job_id: str) -> ImportJob:
    job = account.jobs.by_id.get(job_id)
    if job is None:
        raise ErrorResponse(
            [not_found("profile-bulk-import-job", job_id, parameter="id")]
        )
    return job


def _import_error(
    job: ImportJob, number: int, *, error: JsonApiError, item: JsonObject
) -> JsonObject:
    return {
        "type": "import-error",
        "id": f"{job.id}-{number:05d}",
        "attributes": {
            "code": error.code,
            "title": error.title,
            "detail": error.detail,
            "source": {"pointer": error.pointer},
            "original_payload": {"id": item.get("id"), **item.get("attributes", {})},
        },
    }


def _is_valid(item: JsonObject) -> bool:
    """Return True if a profile resource has no error.

    This check is fast enough for the ten thousand profiles of one import.
    """
    item_attributes = item.get("attributes")
    return (
        isinstance(item_attributes, dict)
        and item.get("type") == "profile"
        and profile_rules.is_valid(item_attributes)
        and profile_rules.has_identifier(item)
        and isinstance(item.get("id"), str | None)
        and is_valid_meta(item.get("meta"))
        and len(orjson.dumps(item)) <= PROFILE_MAX_BYTES
    )


def _find_errors(
    item: JsonObject, *, pointer: str, switches: Switches
) -> list[JsonApiError]:
    payload_errors = profile_rules.find_payload_errors(
        item, pointer=pointer, switches=switches
    )
    if payload_errors or _is_valid(item):
        return payload_errors
    if item.get("type") != "profile":
        return [invalid_input("'type' must be 'profile'.", pointer=f"{pointer}/type")]
    errors = profile_rules.find_resource_errors(item, pointer=pointer)
    if errors:
        return errors
    if not profile_rules.has_identifier(item):
        detail = "At least one identifier is required."
        return [invalid_input(detail, pointer=f"{pointer}/attributes")]
    return [invalid_input("A profile is limited to 100 KB.", pointer=pointer)]


def _parse_list_ids(account: Account, job_resource: JsonObject) -> tuple[str, ...]:
    relations = bodies.optional_object(job_resource, "relationships", pointer="/data")
    if relations.get("lists") is None:
        return ()
    pointer = "/data/relationships/lists"
    items = bodies.data_rows(
        relations["lists"], pointer=pointer, minimum=0, maximum=100
    )
    list_ids = bodies.resource_ids(items, kind="list", pointer=f"{pointer}/data")
    missing = [
        not_found("list", list_id, pointer=f"{pointer}/data/{index}/id")
        for index, list_id in enumerate(list_ids)
        if list_id not in account.lists.by_id
    ]
    if missing:
        raise ErrorResponse(missing)
    return tuple(dict.fromkeys(list_ids))
