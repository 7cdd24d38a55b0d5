"""Confirmed defects of Segment's batches and retries, mended: the sandbox shows it."""

from typing import Any

import pytest
from aiohttp import web

from streams.klaviyo import requests
from streams.klaviyo.answers import Answer, OperatorFault, Temporary, TooLarge
from streams.klaviyo.carry import carry_out
from streams.klaviyo.client import KlaviyoClient
from streams.sandbox import Fault, FaultKind, Sandbox
from tests.streams.klaviyo.accounts import BULK_EVENTS, recorded
from tests.streams.klaviyo.fakes import FakeClock, answering
from tests.streams.klaviyo.people import endings, people, requested
from tests.streams.klaviyo.wanted import wanted

FAR_AHEAD = "2099-01-01T00:00:00Z"
JOBS = "/api/profile-bulk-import-jobs"
PAGE = "<!DOCTYPE html><html><body>Bad gateway</body></html>"


def viewed(n: int, *, user: int, **given: Any) -> dict[str, Any]:  # noqa: ANN401  # any field
    """Make the payload of an event."""
    profile = {"external_id": f"user-{user}"}
    fields = {"metric_name": "Viewed", "profile": profile, "unique_id": f"id-{n}"}
    return {**fields, "properties": {"n": n}, "time": "2026-07-15T09:30:00Z", **given}


def far_off(at: int, *payloads: dict[str, Any]) -> list[dict[str, Any]]:
    """Let one of some events lie further ahead than Klaviyo takes."""
    spoilt = list(payloads)
    spoilt[at] = {**spoilt[at], "time": FAR_AHEAD}
    return spoilt


async def test_defect_07_an_order_is_one_request(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Segment sends one for each product, all at once, and meets the quota."""
    order = {
        "profile": {"external_id": "u1"},
        "properties": {},
        "unique_id": "m1",
        "order_id": "o1",
        "products": [{"product_id": str(n)} for n in range(40)],
    }

    verdicts = await carry_out(client, wanted("orderCompleted", order))

    assert endings(verdicts) == ["delivered"] * 41
    assert len(recorded(klaviyo)) == 41
    assert requested(klaviyo) == requested(klaviyo, "POST", BULK_EVENTS) == 1


@pytest.mark.parametrize("at", [1, 3, 6])
async def test_defect_15_an_error_is_the_events_it_belongs_to(
    client: KlaviyoClient, klaviyo: Sandbox, at: int
) -> None:
    """Events of three users in turn: Klaviyo's pointer counts users, then events."""
    payloads = far_off(at, *(viewed(n, user=n % 3) for n in range(9)))

    verdicts = await carry_out(client, wanted("trackEvent", *payloads))

    assert [
        place for place, one in enumerate(endings(verdicts)) if one != "delivered"
    ] == [at]
    assert {unique_id for _, _, unique_id in recorded(klaviyo)} == {
        f"id-{n}" for n in range(9) if n != at
    }


async def test_defect_15_an_error_is_the_profiles_it_belongs_to(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """One before it was never sent, and is not counted by Klaviyo."""
    who: list[dict[str, Any]] = people(9)
    who[2]["properties"] = {"text": "x" * 100_001}
    klaviyo.fail(Fault(kind=FaultKind.IMPORT_ERRORS, path=JOBS, items=4))

    verdicts = await carry_out(client, wanted("upsertProfile", *who))

    assert endings(verdicts) == ["dead-letter"] * 5 + ["delivered"] * 4


async def test_defect_16_one_bad_event_leaves_the_others_delivered(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Segment's batch is refused whole, and stays undelivered."""
    payloads = far_off(50, *(viewed(n, user=n) for n in range(100)))

    verdicts = await carry_out(client, wanted("trackEvent", *payloads))

    assert endings(verdicts).count("delivered") == len(recorded(klaviyo)) == 99
    assert endings(verdicts)[50] == "dead-letter"


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
    client: KlaviyoClient, klaviyo: Sandbox, fault: Fault, answer: type[Answer]
) -> None:
    """A key or a scope is the operator's to mend; what is too large is halved."""
    klaviyo.fail(fault)

    found = await client.attempt(requests.find_profiles("email", ["a@b.io"]))

    assert isinstance(found, answer)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
async def test_defect_17_a_page_of_html_keeps_its_status(
    clock: FakeClock, status: int
) -> None:
    """Segment reads JSON where there is none, and the status is lost in the fault."""
    page = web.Response(status=status, text=PAGE, content_type="text/html")

    async with answering(page, clock=clock) as (client, _):
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
    """Segment calls it delivered once it is submitted."""
    klaviyo.fail(fault)

    verdicts = await carry_out(client, wanted("upsertProfile", *people(10)))

    assert endings(verdicts) == expected
    assert klaviyo.state.jobs.running == 0
    assert len(list(klaviyo.state.profiles)) == expected.count("delivered")


async def test_defect_28_no_bulk_request_is_over_five_megabytes(
    client: KlaviyoClient, klaviyo: Sandbox
) -> None:
    """Segment counts items, not bytes: of 90 KB each, a thousand are 90 MB."""
    text = {"text": "x" * 90_000}
    who = [{**one, "properties": text} for one in people(120)]
    events = [viewed(n, user=n, properties=text) for n in range(120)]

    verdicts = await carry_out(
        client, [*wanted("upsertProfile", *who), *wanted("trackEvent", *events)]
    )

    assert endings(verdicts) == ["delivered"] * 240
    assert requested(klaviyo, "POST", JOBS) == 3
    assert requested(klaviyo, "POST", BULK_EVENTS) == 3
    assert not any(status == 413 for _, _, status in klaviyo.state.log.counts)
