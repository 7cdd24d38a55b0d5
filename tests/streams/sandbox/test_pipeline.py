"""Checks of a request before the handler: key, scopes, revision, body."""

import pytest

from streams.sandbox import ALL_SCOPES, Sandbox, SandboxConfig
from tests.streams.sandbox.api import WRONG_REQUEST, ManualClock, SandboxApi, import_job

KEYS = {
    "all": ALL_SCOPES,
    "reader": frozenset({"lists:read", "profiles:read"}),
}


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        pytest.param("Klaviyo-API-Key all", 200, id="all-scopes"),
        pytest.param("Klaviyo-API-Key reader", 200, id="its-scope"),
        pytest.param("Klaviyo-API-Key unknown", 401, id="unknown-key"),
        pytest.param("Klaviyo-API-Key ", 401, id="no-key"),
        pytest.param("Bearer all", 401, id="another-scheme"),
        pytest.param("", 401, id="nothing"),
    ],
)
async def test_who_may_ask(clock: ManualClock, authorization: str, status: int) -> None:
    """Only a key of the account is accepted."""
    config = SandboxConfig(keys=KEYS, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        headers = {"Authorization": authorization}

        got = await api.call("GET", "/api/lists", headers=headers)

    assert got.status == status


async def test_a_missing_scope_is_named(clock: ManualClock) -> None:
    """A missing scope is a 403 in JSON:API format."""
    config = SandboxConfig(keys=KEYS, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        headers = {"Authorization": "Klaviyo-API-Key reader"}
        body = import_job({"email": "ann@example.com"})
        got = await api.call(
            "POST", "/api/profile-bulk-import-jobs", headers=headers, body=body
        )

    assert (got.status, got.error["code"]) == (403, "permission_denied")
    assert got.error["detail"].endswith("lists:write, profiles:write")
    assert "cf-mitigated" not in got.headers


@pytest.mark.parametrize(
    ("revision", "status"),
    [
        pytest.param("2026-07-15", 200, id="current"),
        pytest.param("2026-10-15", 200, id="newer"),
        pytest.param("2024-10-15", 200, id="oldest"),
        pytest.param("2024-07-15", 410, id="retired"),
        pytest.param("", 400, id="missing"),
        pytest.param("latest", 400, id="no-revision"),
    ],
)
async def test_the_revision_is_looked_at(
    api: SandboxApi, revision: str, status: int
) -> None:
    """Missing, retired and current revisions have different responses."""
    got = await api.call("GET", "/api/lists", headers={"revision": revision})

    assert got.status == status


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param(b"{", "/", id="no-json", marks=WRONG_REQUEST),
        pytest.param([], "/", id="no-object", marks=WRONG_REQUEST),
        pytest.param({}, "/data", id="no-data", marks=WRONG_REQUEST),
        pytest.param({"data": []}, "/data", id="data-is-a-list", marks=WRONG_REQUEST),
        pytest.param(
            {"data": {"type": "profile"}},
            "/data/type",
            id="another-type",
            marks=WRONG_REQUEST,
        ),
        pytest.param(
            {"data": {"type": "list"}},
            "/data/attributes",
            id="no-members",
            marks=WRONG_REQUEST,
        ),
    ],
)
async def test_a_faulty_body_is_pointed_at(
    api: SandboxApi, body: object, pointer: str
) -> None:
    """A wrong body is a 400, never a crash."""
    got = await api.post("/api/lists", body)

    assert (got.status, got.pointers) == (400, [pointer])


async def test_a_body_over_a_hundred_kilobytes_is_too_large_for_one_profile(
    api: SandboxApi,
) -> None:
    """Single-profile calls have a limit of 100 KB."""
    body = {"data": {"type": "profile", "attributes": {"title": "x" * 100_000}}}

    got = await api.post("/api/profiles", body)

    assert got.status == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/api/shoes", id="unknown-path", marks=WRONG_REQUEST),
        pytest.param("DELETE", "/api/lists", id="unknown-method", marks=WRONG_REQUEST),
        pytest.param("GET", "/sandbox/shoes", id="unknown-question"),
    ],
)
async def test_what_is_not_offered_is_not_found(
    api: SandboxApi, method: str, path: str
) -> None:
    """An unknown operation is a 404 in JSON:API format."""
    got = await api.call(method, path)

    assert (got.status, got.error["code"]) == (404, "not_found")
