"""Topics that a worker needs, and their configuration."""

import pytest

from agents.shared.topics import TopicSpec, topic_specs
from streams.settings.checks import own_topics
from tests.support.worker_fakes import settings


def _specs(**environ: object) -> dict[str, TopicSpec]:
    return {spec.name: spec for spec in topic_specs(settings(**environ))}


def test_every_topic_of_the_journey_is_among_them() -> None:
    """The list has the topics that the worker writes and the sources it reads."""
    configured = settings(source_topics="a,b")

    assert {spec.name for spec in topic_specs(configured)} == own_topics(configured) | {
        "a",
        "b",
    }


def test_the_table_is_partitioned_like_the_topic_that_feeds_it() -> None:
    """A user's row is in the same partition as the user's events."""
    specs = _specs(topic_partitions=12)

    assert specs["t.events"].partitions == 12
    assert specs["t.memberships-changelog"].partitions == 12


def test_only_tables_are_compacted() -> None:
    """Compaction of a lane or of outcomes would lose records."""
    compacted = {
        name for name, spec in _specs().items() if "compact" in str(spec.config)
    }

    assert compacted == {
        "t.deadletters-resolved",
        "t.audience-lists",
        "t.memberships-changelog",
        "t.offset-backup",
        "t.replays",
        "t.sync-state",
        "t.sync-state-rows",
    }


def test_all_list_mappings_are_in_one_partition() -> None:
    """Every worker reads the whole topic, so one partition is enough."""
    assert _specs()["t.audience-lists"].partitions == 1


def test_waiting_records_outlive_a_long_outage() -> None:
    """A lane that Kafka empties after a week would lose unsent records."""
    month_ms = 30 * 24 * 3_600 * 1_000
    specs = _specs()

    for name in ("t.events", "t.activations.lists", "t.deadletters"):
        assert int(specs[name].config["retention.ms"]) == month_ms


def test_the_largest_event_fits_the_topics_it_goes_through() -> None:
    """A larger `max_event_bytes` alone must be enough to let larger events in."""
    specs = _specs(max_event_bytes=5_000_000)

    for name in ("t.events", "t.activations.profiles"):
        assert int(specs[name].config["max.message.bytes"]) > 5_000_000


@pytest.mark.parametrize(
    ("replicas", "in_sync"),
    [
        pytest.param(1, None, id="one-broker-must-do"),
        pytest.param(3, "2", id="two-of-three-have-what-is-acknowledged"),
    ],
)
def test_replicated_topics_acknowledge_what_two_brokers_have(
    *, replicas: int, in_sync: str | None
) -> None:
    """Otherwise the loss of one broker would lose a record."""
    specs = _specs(topic_replication_factor=replicas)

    values = {spec.config.get("min.insync.replicas") for spec in specs.values()}
    assert values == {in_sync}
