"""Removals from a list wait for import jobs that add members to the same list."""

import pytest

from tests.journeys.harness import SHORTEST_SESSION_S, WITHIN_S, Pipeline
from tests.journeys.sample_events import email_of, moves, users

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ONCE = {"/api/profile-bulk-import-jobs", "/api/metrics", "/api/lists"}
"""What a worker reads at its start, and once for each list."""

WHO = users("u", 200)


def _await_import(pipeline: Pipeline) -> None:
    """Return when the sandbox has accepted an import that has not ended."""
    pipeline.until(lambda: pipeline.klaviyo.ask("GET", "state")["jobs_running"])


@pytest.mark.parametrize(
    "klaviyo", [("--job-seconds", "3")], indirect=True, ids=["3-s"]
)
def test_a_removal_behind_a_running_import_is_not_undone_by_it(
    pipeline: Pipeline,
) -> None:
    """The removals leave when the job has ended, and the list ends empty."""
    pipeline.run()
    adds = pipeline.publish(moves(WHO, "vip", entered=True, at_s=1))
    _await_import(pipeline)

    removals = pipeline.publish(moves(WHO, "vip", entered=False, at_s=2))
    pipeline.await_quiet([*adds, *removals])

    changes = pipeline.klaviyo.changes()
    assert pipeline.klaviyo.members() == {"vip": []}
    assert changes["effective_adds"] == changes["effective_removals"] > 0


@pytest.mark.parametrize(
    "klaviyo", [("--job-seconds", "9")], indirect=True, ids=["9-s"]
)
def test_the_import_of_a_killed_worker_does_not_undo_a_removal(
    pipeline: Pipeline,
) -> None:
    """Whoever takes over waits for the jobs that run before it removes anyone."""
    pipeline.run(session_timeout_s=SHORTEST_SESSION_S)
    stay, leave = WHO[:50], WHO[50:]
    adds = pipeline.publish(moves(WHO, "vip", entered=True, at_s=1))
    _await_import(pipeline)

    pipeline.workers["w0"].kill()
    removals = pipeline.publish(moves(leave, "vip", entered=False, at_s=2))
    pipeline.start("w0")
    pipeline.await_quiet([*adds, *removals])

    assert pipeline.klaviyo.members() == {"vip": sorted(map(email_of, stay))}


def test_removing_a_thousand_members_takes_at_most_twelve_requests(
    pipeline: Pipeline,
) -> None:
    """Ids are looked up a hundred at a time, and removed a thousand at a time."""
    who = users("gone", 1000)
    people = [{"email": email_of(user), "external_id": user} for user in who]
    pipeline.klaviyo.ask("POST", "lists", [{"name": "vip", "members": people}])
    pipeline.run(batch_max_age_s=WITHIN_S)  # a full batch leaves without waiting

    origins = pipeline.publish(moves(who, "vip", entered=False))
    pipeline.await_quiet(origins)

    requests = pipeline.klaviyo.requests()
    sent = [one for one in requests if one["template"] not in ONCE]
    removals = [one["items"] for one in sent if one["method"] == "DELETE"]
    assert pipeline.klaviyo.members() == {"vip": []}
    assert sum(removals) == 1000
    assert len(sent) <= 12, [(one["method"], one["path"]) for one in sent]
