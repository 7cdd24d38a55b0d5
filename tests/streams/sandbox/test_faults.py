"""Faults on demand: each kind, the scope, and the effects that remain."""

import aiohttp
import pytest

from streams.sandbox import Fault, FaultKind, Sandbox
from tests.streams.sandbox.api import SandboxApi, data

NEW_LIST = data("list", {"name": "Fans"})


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        pytest.param(
            Fault(kind=FaultKind.THROTTLED, retry_after_s=7), 429, "throttled", id="429"
        ),
        pytest.param(
            Fault(kind=FaultKind.SERVER_ERROR, status=502), 502, "error", id="502"
        ),
        pytest.param(
            Fault(kind=FaultKind.UNAUTHORIZED), 401, "not_authenticated", id="401"
        ),
        pytest.param(
            Fault(kind=FaultKind.FORBIDDEN), 403, "permission_denied", id="403"
        ),
    ],
)
async def test_a_fault_answers_in_json_api_and_does_nothing(
    api: SandboxApi, klaviyo: Sandbox, *, fault: Fault, status: int, code: str
) -> None:
    """The response has Klaviyo's format, without any effect; the next request works."""
    fault = klaviyo.add_fault(Fault.from_json(_fault_settings(fault)))
    fault.count = 1

    response = await api.post("/api/lists", NEW_LIST)
    after = await api.post("/api/lists", NEW_LIST)

    assert (response.status, response.error["code"]) == (status, code)
    assert after.status == 201
    assert len(klaviyo.account.lists.by_id) == 1


def _fault_settings(fault: Fault) -> dict[str, object]:
    return {k: v for k, v in fault.as_json().items() if k not in ("id", "struck")}


async def test_a_throttled_answer_asks_for_the_wait_it_was_given(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """Only the 429 has `Retry-After`, with the configured wait."""
    klaviyo.add_fault(Fault(kind=FaultKind.THROTTLED, retry_after_s=7, count=1))

    got = await api.get("/api/lists")

    assert got.headers["Retry-After"] == "7"


async def test_a_challenge_is_a_page_not_json(
    api: SandboxApi, klaviyo: Sandbox
) -> None:
    """The 403 of a blocked IP address is recognised by a header."""
    klaviyo.add_fault(Fault(kind=FaultKind.CHALLENGE))

    got = await api.get("/api/lists")

    assert got.status == 403
    assert got.headers["cf-mitigated"] == "challenge"
    assert got.headers["Content-Type"].startswith("text/html")
    assert got.body.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("kind", "applied"),
    [
        pytest.param(FaultKind.CUT, 1, id="after-accepting"),
        pytest.param(FaultKind.CUT_BEFORE, 0, id="before-accepting"),
    ],
)
async def test_a_cut_leaves_the_caller_without_an_answer(
    api: SandboxApi, klaviyo: Sandbox, kind: FaultKind, applied: int
) -> None:
    """Only the sandbox knows if the request took effect."""
    klaviyo.add_fault(Fault(kind=kind, count=1))

    with pytest.raises(aiohttp.ClientConnectionError):
        await api.post("/api/lists", NEW_LIST)

    assert len(klaviyo.account.lists.by_id) == applied
    assert [entry.status for entry in klaviyo.account.request_log.entries] == [0]


@pytest.mark.parametrize(
    ("kind", "applied"),
    [
        pytest.param(FaultKind.SLOW, 0, id="before-it-is-applied"),
        pytest.param(FaultKind.SLOW_ANSWER, 1, id="after-it-was-applied"),
    ],
)
async def test_a_slow_answer_outlasts_the_callers_patience(
    klaviyo: Sandbox, kind: FaultKind, applied: int
) -> None:
    """A client that times out does not learn the effect."""
    klaviyo.add_fault(Fault(kind=kind, delay_s=30.0, count=1))
    headers = {"Authorization": "Klaviyo-API-Key k", "revision": "2026-07-15"}
    patience = aiohttp.ClientTimeout(total=0.2)

    async with aiohttp.ClientSession(headers=headers, timeout=patience) as session:
        with pytest.raises(TimeoutError):
            await session.post(f"{klaviyo.url}/api/lists", json=NEW_LIST)

    assert len(klaviyo.account.lists.by_id) == applied


@pytest.mark.parametrize(
    ("fault", "affected_count"),
    [
        pytest.param(Fault(kind=FaultKind.THROTTLED), 6, id="until-cleared"),
        pytest.param(Fault(kind=FaultKind.THROTTLED, count=2), 2, id="by-count"),
        pytest.param(Fault(kind=FaultKind.THROTTLED, count=0), 0, id="spent"),
        pytest.param(Fault(kind=FaultKind.THROTTLED, method="POST"), 2, id="by-method"),
        pytest.param(
            Fault(kind=FaultKind.THROTTLED, path=r"/api/(metrics|lists/L\d+)"),
            2,
            id="by-path",
        ),
        pytest.param(
            Fault(kind=FaultKind.THROTTLED, probability=0.0), 0, id="never-by-chance"
        ),
    ],
)
async def test_a_fault_strikes_only_in_its_scope(
    api: SandboxApi, klaviyo: Sandbox, fault: Fault, affected_count: int
) -> None:
    """The scope is method, beginning of the path, count and probability."""
    klaviyo.add_fault(fault)

    for _ in range(2):
        await api.post("/api/lists", NEW_LIST)
        await api.get("/api/lists")
        await api.get("/api/lists/L00001")

    statuses = [entry.status for entry in klaviyo.account.request_log.entries]
    assert statuses.count(429) == affected_count
    assert fault.affected_count == affected_count


def test_the_same_seed_strikes_the_same_requests() -> None:
    """The same seed affects the same requests."""

    def strikes(seed: int) -> list[bool]:
        fault = Fault(kind=FaultKind.CUT, probability=0.5, seed=seed)
        return [fault.triggers_on(method="GET", path="/api/lists") for _ in range(50)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 10 < sum(strikes(1)) < 40


async def test_faults_are_put_and_ended_over_http(api: SandboxApi) -> None:
    """Faults are added and removed over HTTP."""
    put = {"kind": "server-error", "method": "GET", "path": "/api/lists", "count": 1}
    fault = await api.post("/sandbox/faults", put)
    await api.post("/sandbox/faults", {"kind": "challenge"})

    first = await api.get("/api/lists")
    await api.call("DELETE", f"/sandbox/faults/{fault.body['id']}")
    faults = await api.get("/sandbox/faults")
    await api.call("DELETE", "/sandbox/faults")
    healthy = await api.get("/api/lists")

    assert (first.status, healthy.status) == (503, 200)
    assert [fault["kind"] for fault in faults.body] == ["challenge"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"kind": "earthquake"}, id="unknown-kind"),
        pytest.param({"kind": "cut", "colour": 1}, id="unknown-member"),
        pytest.param([], id="no-object"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(
    api: SandboxApi, body: object
) -> None:
    """The error lists the allowed members and kinds."""
    got = await api.post("/sandbox/faults", body)

    assert got.status == 400
