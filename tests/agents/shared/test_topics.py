"""Which topics a worker needs, and how they are made."""

import pytest

from agents.shared.topics import TopicSpec, topic_specs
from streams.settings.checks import own_topics
from tests.support.worker_fakes import settings


def _specs(**environ: object) -> dict[str, TopicSpec]:
    return {spec.name: spec for spec in topic_specs(settings(**environ))}


def test_every_topic_of_the_journey_is_among_them() -> None:
    """Those the worker writes, and the sources it reads."""
    told = settings(source_topics="a,b")

    assert {spec.name for spec in topic_specs(told)} == own_topics(told) | {"a", "b"}


def test_the_table_is_partitioned_like_the_topic_that_feeds_it() -> None:
    """A user's row is where the user's events are."""
    found = _specs(topic_partitions=12)

    assert found["t.events"].partitions == 12
    assert found["t.memberships-changelog"].partitions == 12


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
    }


def test_all_pairings_are_in_one_partition() -> None:
    """Every worker reads the whole of it."""
    assert _specs()["t.audience-lists"].partitions == 1


def test_what_waits_for_klaviyo_outlives_a_long_outage() -> None:
    """A lane that Kafka empties after a week would lose what nobody has sent."""
    month_ms = 30 * 24 * 3_600 * 1_000
    found = _specs()

    for name in ("t.events", "t.activations.lists", "t.deadletters"):
        assert int(found[name].config["retention.ms"]) == month_ms


def test_the_largest_event_fits_the_topics_it_goes_through() -> None:
    """A larger `max_event_bytes` alone must be enough to let larger events in."""
    found = _specs(max_event_bytes=5_000_000)

    for name in ("t.events", "t.activations.profiles"):
        assert int(found[name].config["max.message.bytes"]) > 5_000_000


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
    """Otherwise one broker's loss is a record's."""
    found = _specs(topic_replication_factor=replicas)

    got = {spec.config.get("min.insync.replicas") for spec in found.values()}
    assert got == {in_sync}
