"""The table is compared with a list in Klaviyo and repaired, on a real Kafka."""

from collections.abc import Sequence

import pytest
from confluent_kafka import TopicPartition

from agents.admin.reconcile import Reconciler, new_repair_id
from agents.cli.support.settings_options import read_worker
from streams.events.canonical_event import Origin
from tests.brokers.interface import admin
from tests.journeys.harness import WITHIN_S, Pipeline
from tests.journeys.reconciling import change_list_directly, list_members, run_command
from tests.journeys.sample_events import email_of, moves, users

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_a_live_exit_between_reading_and_repair_wins(
    rate_limited_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repair is older than the exit, so its outcome is `stale`."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    user_ids = users("u", 20)
    pipeline.await_quiet(pipeline.publish(moves(user_ids, "vip", entered=True)))
    ids = list_members(klaviyo)
    [vip] = klaviyo.named("vip")
    change_list_directly(klaviyo, "DELETE", vip["id"], [*ids.values()])
    for name, value in pipeline.environ.items():
        monkeypatch.setenv(name, value)
    reconciler = Reconciler(*read_worker(None), report=lambda _: None)

    list_reports = reconciler.compare()
    pipeline.await_quiet(
        pipeline.publish(moves(user_ids[:5], "vip", entered=False, at_s=60))
    )
    counts = reconciler.repair(list_reports, replay=new_repair_id(), wait=True)

    assert sum(item.differences.repair_count for item in list_reports) == 20
    assert counts == {("delivered", ""): 15, ("discarded", "stale"): 5}
    assert list_members(klaviyo).keys() == {email_of(item) for item in user_ids[5:]}


def test_a_deleted_list_is_created_again_and_filled(
    rate_limited_pipeline: Pipeline,
) -> None:
    """All users inside count as missing on a deleted list."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    user_ids = users("u", 20)
    pipeline.await_quiet(
        pipeline.publish(
            [
                *moves(user_ids, "vip", entered=True),
                *moves(user_ids[:5], "vip", entered=False, at_s=60),
            ]
        )
    )
    [vip] = klaviyo.named("vip")
    klaviyo.ask("DELETE", f"lists/{vip['id']}")

    looked = run_command(pipeline)
    repaired = run_command(pipeline, "--apply")

    assert "deleted in Klaviyo" in looked.stdout
    assert (looked.exit_code, repaired.exit_code) == (1, 0)
    assert list_members(klaviyo).keys() == {email_of(user) for user in user_ids[5:]}
    assert run_command(pipeline).exit_code == 0


def test_a_resync_adds_every_member_again(rate_limited_pipeline: Pipeline) -> None:
    """A resync also removes the members who are outside."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    user_ids = users("u", 20)
    pipeline.await_quiet(pipeline.publish(moves(user_ids, "vip", entered=True)))
    exited = moves(user_ids[:5], "vip", entered=False, at_s=60)
    pipeline.await_quiet(pipeline.publish(exited))
    [vip] = klaviyo.named("vip")
    profiles = {item["email"]: item["id"] for item in klaviyo.ask("GET", "profiles")}
    change_list_directly(klaviyo, "POST", vip["id"], [profiles[email_of(user_ids[0])]])
    before = klaviyo.changes()

    result = run_command(pipeline, "--audience", "vip", "--apply", "--resync")

    after = klaviyo.changes()
    assert result.exit_code == 0
    assert "16 to repair" in result.stdout
    assert after["adds"] - before["adds"] == 15
    assert after["removals"] - before["removals"] == 1
    assert list_members(klaviyo).keys() == {email_of(item) for item in user_ids[5:]}


def test_a_user_without_source_record_is_added_by_user_id(
    rate_limited_pipeline: Pipeline,
) -> None:
    """Retention has deleted the source records, and the table still has the users."""
    pipeline, klaviyo = rate_limited_pipeline, rate_limited_pipeline.klaviyo
    user_ids = users("u", 20)
    origins = pipeline.publish(moves(user_ids, "vip", entered=True))
    pipeline.await_quiet(origins)
    ids = list_members(klaviyo)
    [vip] = klaviyo.named("vip")
    change_list_directly(
        klaviyo, "DELETE", vip["id"], [ids[email_of(user)] for user in user_ids[:7]]
    )
    _delete_records(pipeline.broker.bootstrap, origins)

    result = run_command(pipeline, "--apply")

    assert result.exit_code == 0
    assert "7 to repair" in result.stdout
    assert list_members(klaviyo).keys() == ids.keys()


def _delete_records(bootstrap: str, origins: Sequence[Origin]) -> None:
    topic_partitions = {(origin.topic, origin.partition) for origin in origins}
    deletions = [
        TopicPartition(topic, partition, -1) for topic, partition in topic_partitions
    ]
    client = admin(bootstrap)
    for deletion in client.delete_records(deletions).values():
        deletion.result(WITHIN_S)
