"""Confirmed defects of Segment's batches and retries, fixed here."""

from typing import Any

import pytest
from aiohttp import web

from streams.klaviyo.api import requests
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.results import (
    AttemptResult,
    OperatorFault,
    Temporary,
    TooLarge,
)
from streams.klaviyo.execute import execute
from streams.sandbox import Fault, FaultKind, Sandbox
from tests.streams.klaviyo.accounts import BULK_EVENTS, recorded_events
from tests.streams.klaviyo.fakes import FakeClock, serving_answers
from tests.streams.klaviyo.payload_intents import intents_for
from tests.streams.klaviyo.profile_builders import (
    make_profiles,
    request_count,
    verdict_names,
)

FAR_AHEAD = "2099-01-01T00:00:00Z"
JOBS = "/api/profile-bulk-import-jobs"
PAGE = "<!DOCTYPE html><html><body>Bad gateway</body></html>"


def viewed_payload(n: int, *, user: int, **extra_fields: Any) -> dict[str, Any]:  # noqa: ANN401  # any field
    """Build the payload of an event."""
    profile = {"external_id": f"user-{user}"}
    fields = {"metric_name": "Viewed", "profile": profile, "unique_id": f"id-{n}"}
    return {
        **fields,
        "properties": {"n": n},
        "time": "2026-07-15T09:30:00Z",
        **extra_fields,
    }


def with_far_future(index: int, *payloads: dict[str, Any]) -> list[dict[str, Any]]:
    """Move one event further into the future than Klaviyo accepts."""
    changed = list(payloads)
    changed[index] = {**changed[index], "time": FAR_AHEAD}
    return changed


async def test_defect_07_an_order_is_one_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Segment sends a request for each product at once, and exceeds the quota."""
    order = {
        "profile": {"external_id": "u1"},
        "properties": {},
        "unique_id": "m1",
        "order_id": "o1",
        "products": [{"product_id": str(n)} for n in range(40)],
    }

    verdicts = await execute(client, intents_for("orderCompleted", order))

    assert verdict_names(verdicts) == ["delivered"] * 41
    assert len(recorded_events(klaviyo)) == 41
    assert request_count(klaviyo) == request_count(klaviyo, "POST", BULK_EVENTS) == 1


@pytest.mark.parametrize("at", [1, 3, 6])
async def test_defect_15_an_error_is_the_events_it_belongs_to(
    client: KlaviyoClient, klaviyo: Sandbox, at: int
) -> None:
    """Klaviyo's pointer counts users, then events."""
    payloads = with_far_future(at, *(viewed_payload(n, user=n % 3) for n in range(9)))

    verdicts = await execute(client, intents_for("trackEvent", *payloads))

    assert [
        index
        for index, verdict_name in enumerate(verdict_names(verdicts))
        if verdict_name != "delivered"
    ] == [at]
    assert {unique_id for _, _, unique_id in recorded_events(klaviyo)} == {
        f"id-{n}" for n in range(9) if n != at
    }


async def test_defect_15_an_error_is_the_profiles_it_belongs_to(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Klaviyo does not count a profile that was never sent."""
    who: list[dict[str, Any]] = make_profiles(9)
    who[2]["properties"] = {"text": "x" * 100_001}
    klaviyo.add_fault(Fault(kind=FaultKind.IMPORT_ERRORS, path=JOBS, items=4))

    verdicts = await execute(client, intents_for("upsertProfile", *who))

    assert verdict_names(verdicts) == ["dead-letter"] * 5 + ["delivered"] * 4


async def test_defect_16_one_bad_event_leaves_the_others_delivered(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Segment's whole batch is rejected and stays undelivered."""
    payloads = with_far_future(50, *(viewed_payload(n, user=n) for n in range(100)))

    verdicts = await execute(client, intents_for("trackEvent", *payloads))

    assert (
        verdict_names(verdicts).count("delivered")
        == len(recorded_events(klaviyo))
        == 99
    )
    assert verdict_names(verdicts)[50] == "dead-letter"


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        pytest.param(Fault(kind=FaultKind.UNAUTHORIZED), OperatorFault, id="401"),
        pytest.param(Fault(kind=FaultKind.FORBIDDEN), OperatorFault, id="403"),
        pytest.param(
            Fault(kind=FaultKind.SERVER_ERROR, status=413), TooLarge, id="413"
        ),
    ],
)
async def test_defect_16_what_a_retry_does_not_mend_is_no_retry(
    client: KlaviyoClient, klaviyo: Sandbox, fault: Fault, answer: type[AttemptResult]
) -> None:
    """The operator fixes a key or a scope; a too large request is bisected."""
    klaviyo.add_fault(fault)

    result = await client.attempt(requests.find_profiles("email", ["a@b.io"]))

    assert isinstance(result, answer)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
async def test_defect_17_a_page_of_html_keeps_its_status(
    clock: FakeClock, status: int
) -> None:
    """Segment parses HTML as JSON and loses the status in the error."""
    page = web.Response(status=status, text=PAGE, content_type="text/html")

    async with serving_answers(page, clock=clock) as (client, _):
        answer = await client.attempt(requests.find_profiles("email", ["a@b.io"]))

    assert answer == Temporary(status=status, reason=f"http-{status}")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(
            Fault(kind=FaultKind.IMPORT_ERRORS, path=JOBS, items=1),
            ["dead-letter"] + ["delivered"] * 9,
            id="one-profile-fails",
        ),
        pytest.param(
            Fault(kind=FaultKind.JOB_CANCELLED, path=JOBS, count=1),
            ["delivered"] * 10,
            id="cancelled-is-submitted-again",
        ),
    ],
)
async def test_defect_27_an_import_is_followed_to_its_end(
    client: KlaviyoClient, klaviyo: Sandbox, fault: Fault, expected: list[str]
) -> None:
    """Segment reports delivery right after the submission."""
    klaviyo.add_fault(fault)

    verdicts = await execute(client, intents_for("upsertProfile", *make_profiles(10)))

    assert verdict_names(verdicts) == expected
    assert klaviyo.account.jobs.running_count == 0
    assert len(list(klaviyo.account.profiles)) == expected.count("delivered")


async def test_defect_28_no_bulk_request_is_over_five_megabytes(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Segment counts items instead of bytes: a thousand items of 90 KB are 90 MB."""
    text = {"text": "x" * 90_000}
    who = [{**profile, "properties": text} for profile in make_profiles(120)]
    events = [viewed_payload(n, user=n, properties=text) for n in range(120)]

    verdicts = await execute(
        client,
        [*intents_for("upsertProfile", *who), *intents_for("trackEvent", *events)],
    )

    assert verdict_names(verdicts) == ["delivered"] * 240
    assert request_count(klaviyo, "POST", JOBS) == 3
    assert request_count(klaviyo, "POST", BULK_EVENTS) == 3
    assert not any(
        status == 413 for _, _, status in klaviyo.account.request_log.request_counts
    )
