"""Whatever Klaviyo answers, nothing is lost, and each list ends as the truth says."""

from typing import Any, NamedTuple

import pytest

from streams.delivery.verdict import Verdict
from tests.journeys.harness import Pipeline
from tests.journeys.sample_events import email_of, moves, profile_of, users

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

IMPORTS = "/api/profile-bulk-import-jobs"


class Case(NamedTuple):
    """A fault, and how often it must have struck before it is mended."""

    kind: str
    strikes: int
    fault: dict[str, Any]


@pytest.fixture(scope="module")
def running(shared: Pipeline) -> Pipeline:
    """Pipeline with one worker for the whole module."""
    return shared.run()


def _stage(pipeline: Pipeline, name: str) -> tuple[list[str], list[str]]:
    """A list with 30 members: 10 stay, 20 will leave; and 20 who will come."""
    old, new = users(f"{name}-old", 30), users(f"{name}-new", 20)
    members = [profile_of(user) for user in old]
    pipeline.klaviyo.ask("POST", "lists", [{"name": name, "members": members}])
    return old, new


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case("unauthorized", 3, {}), id="401-for-a-while"),
        pytest.param(Case("forbidden", 3, {}), id="403-scope-missing-for-a-while"),
        pytest.param(Case("challenge", 3, {}), id="html-403-of-a-blocked-sender"),
        pytest.param(Case("throttled", 4, {}), id="429-storm"),
        pytest.param(Case("server-error", 3, {"status": 500}), id="500-for-a-while"),
        pytest.param(
            Case("cut", 2, {"count": 2, "path": IMPORTS, "method": "POST"}),
            id="cut-after-an-import-was-accepted",
        ),
        pytest.param(
            Case("cut", 2, {"count": 2, "path": "/api/lists", "method": "DELETE"}),
            id="cut-after-a-removal-was-accepted",
        ),
        pytest.param(Case("cut-before", 4, {"count": 4}), id="cut-before-acceptance"),
        pytest.param(
            Case("job-cancelled", 2, {"count": 2, "path": IMPORTS}),
            id="import-jobs-cancelled",
        ),
    ],
)
def test_a_passing_fault_leaves_no_trace(
    running: Pipeline, request: pytest.FixtureRequest, case: Case
) -> None:
    """No record becomes a dead letter, and work resumes after the fix."""
    name = request.node.callspec.id
    old, new = _stage(running, name)
    running.klaviyo.fail(case.kind, **case.fault)

    origins = running.publish(
        [*moves(new, name, entered=True), *moves(old[10:], name, entered=False)]
    )
    running.until(lambda: running.klaviyo.struck() >= case.strikes)
    running.outcomes.read()
    early = len(origins) - running.outcomes.missing(origins)
    running.klaviyo.mend()
    running.await_outcomes(origins)

    verdicts = [
        outcome.item.verdict for one in origins for outcome in running.outcomes.of[one]
    ]
    assert verdicts == [Verdict.DELIVERED] * 40
    assert early == 0 or "count" in case.fault
    assert running.klaviyo.members()[name] == sorted(map(email_of, [*old[:10], *new]))


def test_import_errors_land_on_the_right_records(running: Pipeline) -> None:
    """Profiles that fail in the job are dead letters, the others members."""
    new = users("partial", 20)
    running.klaviyo.fail("import-errors", items=3, count=1, path=IMPORTS)

    origins = running.publish(moves(new, "partial", entered=True))
    running.await_outcomes(origins)
    running.klaviyo.mend()

    refused = {
        email_of(user)
        for user, origin in zip(new, origins, strict=True)
        if running.outcomes.of[origin][0].item.verdict is Verdict.DEAD_LETTER
    }
    dead_letters = running.await_dead_letters(3)
    members = set(running.klaviyo.members()["partial"])
    assert len(refused) == 3
    assert members == {email_of(user) for user in new} - refused
    assert len(dead_letters) == 3
    assert {one.headers["__connect.errors.stage"] for one in dead_letters} == {
        "deliver.lists"
    }
    assert {email_of((one.key or b"").decode()) for one in dead_letters} == refused
