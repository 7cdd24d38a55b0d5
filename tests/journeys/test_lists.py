"""The list of an audience: found, made once, named by a person, deleted, rationed."""

import pytest

from streams.delivery.verdict import Verdict
from tests.journeys.harness import Pipeline, Record
from tests.journeys.sample_events import email_of, moves, users

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

WORKERS = 3
NEW = [f"new-{number}" for number in range(5)]
DAILY_S = 3_600
"""A Retry-After that can only mean the daily quota."""


@pytest.fixture(scope="module")
def running(shared: Pipeline) -> Pipeline:
    """Three workers for all of this module, one audience paired by the settings."""
    [chosen] = shared.klaviyo.ask("POST", "lists", [{"name": "By hand"}])["ids"]
    return shared.run(workers=WORKERS, audience_lists=f"chosen={chosen}")


def _created(pipeline: Pipeline) -> int:
    """Return the number of lists created over the API."""
    sent = pipeline.klaviyo.requests("POST", "/api/lists")
    return sum(one["template"] == "/api/lists" for one in sent)


def _enter(name: str, audience: str, *, count: int = 8) -> list[Record]:
    return moves(users(name, count), audience, entered=True)


def _emails(name: str, *, count: int = 8) -> list[str]:
    return sorted(map(email_of, users(name, count)))


def test_three_workers_create_each_list_once(running: Pipeline) -> None:
    """All of them meet the same new audiences at the same time."""
    before = _created(running)

    origins = running.publish(
        record
        for user in range(40)
        for audience in NEW
        for record in moves([f"once-{user}"], audience, entered=True)
    )
    running.await_outcomes(origins)

    assert _created(running) - before == len(NEW)
    everyone = sorted(email_of(f"once-{user}") for user in range(40))
    assert [running.klaviyo.members_of(name) for name in NEW] == [everyone] * len(NEW)


def test_a_list_that_exists_is_found_among_many(running: Pipeline) -> None:
    """Beyond the first page of ten, and of several of its name the oldest."""
    seeded = [{"name": f"other-{number}"} for number in range(15)]
    running.klaviyo.ask("POST", "lists", seeded)
    [oldest, *_] = running.klaviyo.ask("POST", "lists", [{"name": "twelve"}] * 12)[
        "ids"
    ]
    before = _created(running)

    running.await_outcomes(running.publish(_enter("found", "twelve")))

    filled = {one["id"] for one in running.klaviyo.named("twelve") if one["members"]}
    assert filled == {oldest}
    assert _created(running) == before


def test_an_event_and_the_settings_may_name_the_list(running: Pipeline) -> None:
    """Neither creates one; the event's word comes before the settings'."""
    [own] = running.klaviyo.ask("POST", "lists", [{"name": "Own"}])["ids"]
    before = _created(running)

    running.await_outcomes(
        running.publish(
            [
                *_enter("settings", "chosen"),
                *moves(users("event", 8), "chosen", entered=True, list_id=own),
            ]
        )
    )

    assert _created(running) == before
    assert running.klaviyo.members_of("By hand") == _emails("settings")
    assert running.klaviyo.members_of("Own") == _emails("event")


def test_a_deleted_list_is_made_again_and_later_changes_go_there(
    running: Pipeline,
) -> None:
    """A renamed list stays mapped without a restart of the workers."""
    running.await_outcomes(running.publish(_enter("early", "deleted")))
    [first] = running.klaviyo.named("deleted")
    running.klaviyo.ask("DELETE", f"lists/{first['id']}")

    origins = running.publish(_enter("later", "deleted"))
    running.await_outcomes(origins)

    [second] = running.klaviyo.named("deleted")
    outcome = [outcome for one in origins for outcome in running.outcomes.of[one]]
    assert second["id"] != first["id"]
    assert running.klaviyo.members_of("deleted") == _emails("later")
    assert {one.item.verdict for one in outcome} == {Verdict.DELIVERED}


def test_the_daily_quota_of_lists_stops_only_who_needs_a_new_one(
    running: Pipeline,
) -> None:
    """Known lists go on, nobody crashes, and a restart asks again."""
    running.await_outcomes(running.publish(_enter("before", "known")))
    path = {"method": "POST", "path": "/api/lists$"}
    running.klaviyo.fail("throttled", retry_after_s=DAILY_S, **path)
    rationed = running.publish(_enter("waits", "rationed"))
    running.until(running.klaviyo.struck)

    running.await_outcomes(running.publish(_enter("goes-on", "known")))
    missing = running.outcomes.missing(rationed)
    running.klaviyo.mend()
    _restart(running)
    running.await_outcomes(rationed)

    warned = [one.events("list_quota_used_up") for one in running.workers.values()]
    assert missing == len(rationed)
    assert running.klaviyo.members_of("known") == sorted(
        [*_emails("before"), *_emails("goes-on")]
    )
    assert running.klaviyo.members_of("rationed") == _emails("waits")
    assert sum(map(len, warned)) >= 1


def test_a_pairing_survives_a_restart(running: Pipeline) -> None:
    """No list is looked for or created again."""
    running.await_outcomes(running.publish(_enter("one", "kept")))
    before = len(_lists_asked(running))

    _restart(running)
    running.await_outcomes(running.publish(_enter("two", "kept")))

    assert len(_lists_asked(running)) == before
    assert running.klaviyo.members_of("kept") == sorted(
        [*_emails("one"), *_emails("two")]
    )


def _lists_asked(pipeline: Pipeline) -> list[object]:
    sent = pipeline.klaviyo.requests(path="/api/lists")
    return [one for one in sent if one["template"] == "/api/lists"]


def _restart(pipeline: Pipeline) -> None:
    """Stop every worker in order and start it again."""
    for worker in pipeline.workers.values():
        worker.stop()
    codes = [worker.ended() for worker in pipeline.workers.values()]
    assert codes == [0] * WORKERS
    for name in list(pipeline.workers):
        pipeline.start(name)
