"""The two quota windows, the headers, and the daily quota of list creation."""

import pytest

from streams.sandbox import Sandbox, SandboxConfig
from streams.sandbox.account.rate_limits import RateLimits
from streams.sandbox.jsonapi.errors import ErrorResponse
from streams.sandbox.operations import OPERATIONS
from tests.streams.sandbox.api import ManualClock, SandboxApi, data

ADD = OPERATIONS["add_profiles_to_list"]
WINDOW_START_S = 1_800_000_000.0


def _admitted(quotas: RateLimits, *, requests: int, now_s: float) -> int:
    admitted = 0
    for _ in range(requests):
        try:
            quotas.admit(ADD, now_s=now_s)
        except ErrorResponse:
            continue
        admitted += 1
    return admitted


@pytest.mark.parametrize(
    ("scale", "burst", "steady"),
    [
        pytest.param(1.0, 10, 150, id="published"),
        pytest.param(0.1, 1, 15, id="ten-times-smaller"),
        pytest.param(2.0, 20, 300, id="doubled"),
        pytest.param(0.001, 1, 1, id="never-nothing"),
        pytest.param(None, 400, 40_000, id="off"),
    ],
)
def test_both_windows_admit_what_is_published(
    scale: float | None, burst: int, steady: int
) -> None:
    """The burst limit holds per second, the steady limit per sixty seconds."""
    quotas = RateLimits(scale, None)

    seconds = [
        _admitted(quotas, requests=400, now_s=WINDOW_START_S + second)
        for second in range(60)
    ]
    steadily = RateLimits(scale, None)
    spread = sum(
        _admitted(steadily, requests=burst, now_s=WINDOW_START_S + second)
        for second in range(60)
    )

    assert seconds[0] == burst
    assert spread == min(steady, 60 * burst)


@pytest.mark.parametrize(
    ("requests", "wait_s"),
    [
        pytest.param([(0.0, 11)], "1", id="burst-full"),
        pytest.param([(0.9, 11)], "1", id="burst-full-rounded-up"),
        pytest.param([(float(s), 10) for s in range(16)], "45", id="steady-full"),
    ],
)
def test_retry_after_is_the_wait_in_whole_seconds(
    requests: list[tuple[float, int]], wait_s: str
) -> None:
    """A client that waits for `Retry-After` is admitted."""
    quotas = RateLimits(1.0, None)
    refusals = []

    for offset_s, many in requests:
        for _ in range(many):
            try:
                quotas.admit(ADD, now_s=WINDOW_START_S + offset_s)
            except ErrorResponse as refusal:
                refusals.append((offset_s, refusal))

    offset_s, first = refusals[0]
    later_s = WINDOW_START_S + offset_s + int(wait_s)
    assert first.headers == {"Retry-After": wait_s}
    assert quotas.admit(ADD, now_s=later_s)


def test_headers_count_down_the_steady_window() -> None:
    """The headers have both limits, and the rest and end of the steady window."""
    quotas = RateLimits(1.0, None)
    quotas.admit(ADD, now_s=WINDOW_START_S)

    headers = quotas.admit(ADD, now_s=WINDOW_START_S + 12.5)

    assert headers == {
        "RateLimit-Limit": "10, 10;w=1, 150;w=60",
        "RateLimit-Remaining": "148",
        "RateLimit-Reset": "48",
    }


def test_operations_have_windows_of_their_own() -> None:
    """Using up the quota of one operation does not affect others."""
    quotas = RateLimits(1.0, None)
    _admitted(quotas, requests=10, now_s=WINDOW_START_S)

    headers = quotas.admit(
        OPERATIONS["remove_profiles_from_list"], now_s=WINDOW_START_S
    )

    assert headers["RateLimit-Remaining"] == "149"


async def test_only_the_429_has_retry_after(clock: ManualClock) -> None:
    """All other responses have RateLimit headers, errors too."""
    config = SandboxConfig(quota_scale=1.0, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        answers = [await api.get("/api/accounts") for _ in range(2)]
        missing = await api.get("/api/lists/L99999")

    fine, throttled = answers
    assert (fine.status, throttled.status, missing.status) == (200, 429, 404)
    assert "Retry-After" not in fine.headers
    assert "RateLimit-Remaining" in fine.headers
    assert "RateLimit-Remaining" in missing.headers
    assert throttled.headers["Retry-After"] == "1"
    assert not [name for name in throttled.headers if name.startswith("RateLimit")]
    assert throttled.error["code"] == "throttled"
    assert throttled.error["detail"] == "Expected available in 1 second."


async def test_all_keys_of_the_account_share_its_quotas(clock: ManualClock) -> None:
    """Requests with another key count against the same quota."""
    config = SandboxConfig(quota_scale=1.0, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        other = {"Authorization": "Klaviyo-API-Key another"}
        first = await api.call("GET", "/api/accounts", headers=other)
        second = await api.get("/api/accounts")

    assert (first.status, second.status) == (200, 429)


async def test_a_slow_extra_has_a_smaller_quota_of_its_own(clock: ManualClock) -> None:
    """Counting the profiles of a list has a quota of one per second."""
    config = SandboxConfig(quota_scale=1.0, clock_s=clock)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        path = f"/api/lists/{await api.create_list('Fans')}"
        counted = [
            await api.get(path, **{"additional-fields__list": "profile_count"})
            for _ in range(2)
        ]
        plain = await api.get(path)

    assert [got.status for got in counted] == [200, 429]
    assert plain.status == 200


async def test_the_hundred_and_fifty_first_list_of_a_day_waits_for_the_next(
    api: SandboxApi, clock: ManualClock
) -> None:
    """The daily quota holds although the other windows are off."""
    body = data("list", {"name": "One more"})
    statuses = [(await api.post("/api/lists", body)).status for _ in range(150)]

    refused = await api.post("/api/lists", body)
    clock.now_s += int(refused.headers["Retry-After"])
    tomorrow = await api.post("/api/lists", body)

    assert set(statuses) == {201}
    assert (refused.status, tomorrow.status) == (429, 201)
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
