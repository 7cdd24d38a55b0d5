"""Bulk import jobs: submit, follow, read their errors."""

import orjson

from streams.sandbox import attributes, bodies, filters, pages, render
from streams.sandbox.calls import Answer, Call, Json
from streams.sandbox.errors import ApiError, Refusal, invalid, not_found, refuse
from streams.sandbox.jobs import ImportJob
from streams.sandbox.limits import IMPORT_MAX_PROFILES, PROFILE_MAX_BYTES
from streams.sandbox.patches import is_patch
from streams.sandbox.world import World

FILTERS = {"status": frozenset({"any", "equals"})}
"""`get_bulk_import_profiles_jobs`, parameter `filter`."""

_POINTER = "/data/attributes/profiles"


def submit(world: World, call: Call) -> Answer:
    """`POST /api/profile-bulk-import-jobs`: 202, or every fault and nothing done."""
    job_resource = bodies.resource(call.body, kind="profile-bulk-import-job")
    given = bodies.member(job_resource, "attributes", pointer="/data")
    profiles = bodies.member(given, "profiles", pointer="/data/attributes")
    items = bodies.rows(profiles, pointer=_POINTER, maximum=IMPORT_MAX_PROFILES)
    found = [
        fault
        for index, item in enumerate(items)
        if not _fine(item)
        for fault in _faults(item, pointer=f"{_POINTER}/data/{index}")
    ]
    if found:
        raise Refusal(found)
    job = world.submit_import(
        items,
        list_ids=_list_ids(world, job_resource),
        now_s=call.now_s,
    )
    body = {"data": render.import_job(call, job)}
    return Answer(status=202, body=body, items=len(items))


def query(world: World, call: Call) -> Answer:
    """`GET /api/profile-bulk-import-jobs`: filter by status, pages."""
    conditions = filters.parse(call.query.get("filter", ""), allowed=FILTERS)
    sort = call.query.get("sort", "created_at")
    if sort not in ("created_at", "-created_at"):
        raise refuse(f"'{sort}' is no sort of jobs.", parameter="sort")
    found = [
        job
        for job in world.jobs.by_id.values()
        if all(filters.holds(one, job.status(call.now_s)) for one in conditions)
    ]
    descending = sort.startswith("-")
    page, links = pages.paginate(
        call,
        reversed(found) if descending else found,
        key=lambda job: [job.seq],
        sizes=pages.PROFILES,
        descending=descending,
    )
    data = [render.import_job(call, job) for job in page]
    return Answer(body={"data": data, "links": links})


def read(world: World, call: Call) -> Answer:
    """`GET /api/profile-bulk-import-jobs/{id}`."""
    job = _find(world, call.path_id)
    body: Json = {"data": render.import_job(call, job)}
    if call.query.get("include") == "lists":
        body["included"] = [
            render.mail_list(render.without_extras(call), world.lists.by_id[list_id])
            for list_id in job.list_ids
            if list_id in world.lists.by_id
        ]
    return Answer(body=body)


def errors(world: World, call: Call) -> Answer:
    """`GET /api/profile-bulk-import-jobs/{id}/import-errors`."""
    job = _find(world, call.path_id)
    page, links = pages.paginate(
        call,
        enumerate(job.errors, start=1),
        key=lambda row: [row[0]],
        sizes=pages.PROFILES,
    )
    data = [
        _import_error(job, number, error=error, item=item)
        for number, (error, item) in page
    ]
    return Answer(body={"data": data, "links": links})


def profile_ids(world: World, call: Call) -> Answer:
    """`GET /api/profile-bulk-import-jobs/{id}/relationships/profiles`."""
    job = _find(world, call.path_id)
    page, links = pages.paginate(
        call,
        enumerate(job.profile_ids, start=1),
        key=lambda row: [row[0]],
        sizes=pages.PROFILES,
    )
    data = [{"type": "profile", "id": profile_id} for _, profile_id in page]
    return Answer(body={"data": data, "links": links})


def _find(world: World, job_id: str) -> ImportJob:
    job = world.jobs.by_id.get(job_id)
    if job is None:
        raise Refusal([not_found("profile-bulk-import-job", job_id, parameter="id")])
    return job


def _import_error(job: ImportJob, number: int, *, error: ApiError, item: Json) -> Json:
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


def _fine(item: Json) -> bool:
    """Whether an item is right: the quick way, for ten thousand at once."""
    given = item.get("attributes")
    return (
        isinstance(given, dict)
        and item.get("type") == "profile"
        and attributes.plausible(given)
        and attributes.named(item)
        and isinstance(item.get("id"), str | None)
        and is_patch(item.get("meta"))
        and len(orjson.dumps(item)) <= PROFILE_MAX_BYTES
    )


def _faults(item: Json, *, pointer: str) -> list[ApiError]:
    if item.get("type") != "profile":
        return [invalid("'type' must be 'profile'.", pointer=f"{pointer}/type")]
    found = attributes.resource_faults(item, pointer=pointer)
    if found:
        return found
    if not attributes.named(item):
        detail = "At least one identifier is required."
        return [invalid(detail, pointer=f"{pointer}/attributes")]
    return [invalid("A profile is limited to 100 KB.", pointer=pointer)]


def _list_ids(world: World, job_resource: Json) -> tuple[str, ...]:
    relations = bodies.optional(job_resource, "relationships", pointer="/data")
    if relations.get("lists") is None:
        return ()
    pointer = "/data/relationships/lists"
    items = bodies.rows(relations["lists"], pointer=pointer, minimum=0, maximum=100)
    found = bodies.ids(items, kind="list", pointer=f"{pointer}/data")
    missing = [
        not_found("list", list_id, pointer=f"{pointer}/data/{index}/id")
        for index, list_id in enumerate(found)
        if list_id not in world.lists.by_id
    ]
    if missing:
        raise Refusal(missing)
    return tuple(dict.fromkeys(found))
