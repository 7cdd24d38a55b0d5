"""Which topics a worker needs, and how they are made."""

from agents.topics import TopicSpec, specs
from streams.settings.checks import own_topics
from tests.agents.fakes import settings


def _specs(**environ: object) -> dict[str, TopicSpec]:
    return {spec.name: spec for spec in specs(settings(**environ))}


def test_every_topic_of_the_journey_is_among_them() -> None:
    """Those the worker writes, and the sources it reads."""
    told = settings(source_topics="a,b")

    assert {spec.name for spec in specs(told)} == own_topics(told) | {"a", "b"}


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

    assert compacted == {"t.lists", "t.memberships-changelog"}


def test_all_pairings_are_in_one_partition() -> None:
    """Every worker reads the whole of it."""
    assert _specs()["t.lists"].partitions == 1
