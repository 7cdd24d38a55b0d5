"""The memberships table on its way out of a cluster, or into another."""

from collections.abc import Callable
from contextlib import closing

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from agents.admin.changelog import read_compacted_topic, read_user_states
from agents.admin.replay.lag import LagReader
from agents.admin.topic_reader import translate_kafka_errors
from agents.engine.producer import Message
from agents.shared.context import kafka_access
from agents.shared.reprocess import RecordPublisher
from streams.audiences import list_mapping
from streams.audiences.table_snapshot import TableSnapshot
from streams.errors import ConfigError
from streams.settings import Settings
from streams.state.user_row import EMPTY_ROW, encode_row

TIMEOUT_S = 30.0
CHUNK_ROWS = 10_000
"""Rows between two words of progress; each part is durable before the next."""

EMPTY_GROUP_STATES = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)

UNKNOWN_LAG = 1 << 60
"""`Lag` gives more where Kafka doesn't say."""

ReportLine = Callable[[str], None]
"""Takes a line of progress."""


def read_snapshot(settings: Settings, *, report: ReportLine) -> TableSnapshot:
    """Read all that Kafka has.

    Args:
        settings: Name the cluster and the topics.
        report: Told which topic is read.

    Raises:
        ConfigError: Kafka or a topic is not there.
    """
    kafka, topics = kafka_access(settings), settings.topics
    report(f"reading {topics.memberships_changelog}")
    rows = read_user_states(kafka, topics.memberships_changelog)
    report(f"reading {topics.audience_lists}")
    mapping_rows = read_compacted_topic(kafka, topics.audience_lists)
    list_mappings = {
        audience.decode(): list_mapping.decode_list_mapping(row)
        for audience, row in mapping_rows.items()
    }
    return TableSnapshot(
        {user: row for user, row in rows.items() if row != EMPTY_ROW}, list_mappings
    )


def write_snapshot(
    settings: Settings, snapshot: TableSnapshot, *, report: ReportLine
) -> None:
    """Write rows and pairings; durable on return.

    A user's key decides the partition, as intake's does for the user's events: the
    cluster may have another number of them than the one the rows come from.

    Args:
        settings: Name the cluster and the topics.
        snapshot: What is written, each row whole.
        report: Told how far it is.

    Raises:
        ConfigError: Kafka does not take one; what was written stays, and doing it all
            once more does no harm.
    """
    publisher, topics = RecordPublisher(kafka_access(settings)), settings.topics
    mapping_messages = [
        Message(
            topics.audience_lists,
            audience.encode(),
            list_mapping.encode_json(mapping),
            partition=0,
        )
        for audience, mapping in snapshot.list_mappings.items()
    ]
    publisher.publish(mapping_messages)
    users = list(snapshot.rows)
    for start in range(0, len(users), CHUNK_ROWS):
        chunk = users[start : start + CHUNK_ROWS]
        changelog = topics.memberships_changelog
        publisher.publish(
            [
                Message(changelog, user.encode(), encode_row(snapshot.rows[user]))
                for user in chunk
            ]
        )
        report(f"written {start + len(chunk)} of {len(users)} rows")


def largest_lag(settings: Settings) -> tuple[str, int]:
    """Say which stage has most to do, and how many records wait for it.

    The table has what they say as told already: exported now, nobody would tell it.

    Raises:
        ConfigError: Kafka does not say.
    """
    with translate_kafka_errors():
        lag = LagReader(kafka_access(settings), settings)
    with closing(lag):
        try:
            group, count = lag.read_largest()
        except ValueError:  # no topic is there at all; `read` says so
            return "", 0
    if count > UNKNOWN_LAG:
        raise ConfigError([f"kafka: {group}: nobody knows how many records wait"])
    return group.removeprefix(f"{settings.app_id}."), count


def are_workers_running(settings: Settings) -> bool:
    """Whether a worker holds the table in memory.

    Groups are listed, not described: librdkafka 2.16 aborts the process when an admin
    client loses the coordinator that it asks (its issue 4605). What a broker older than
    2.6 does not say of a group counts as running.

    Raises:
        ConfigError: Kafka does not say.
    """
    admin = AdminClient(kafka_access(settings).librdkafka_options())
    group = f"{settings.app_id}.activate"
    try:
        listing = admin.list_consumer_groups(request_timeout=TIMEOUT_S).result()
    except KafkaException as failure:
        raise _group_error(group, failure) from None
    if listing.errors:  # of a broker that may have it
        raise _group_error(group, listing.errors[0])
    states = {
        group_listing.group_id: group_listing.state for group_listing in listing.valid
    }
    return states.get(group, ConsumerGroupState.DEAD) not in EMPTY_GROUP_STATES


def _group_error(group: str, failure: KafkaException) -> ConfigError:
    return ConfigError([f"kafka: group {group}: {failure.args[0].name()}"])


def write_while_stopped(
    settings: Settings,
    snapshot: TableSnapshot,
    *,
    report: ReportLine,
    is_running: Callable[[Settings], bool] = are_workers_running,
) -> None:
    """Write while no worker runs: one would never read it, or write before it.

    Args:
        settings: Name the cluster and the topics.
        snapshot: What is written, each row whole.
        report: Told how far it is.
        is_running: Whether workers do.

    Raises:
        ConfigError: A worker runs, or has started meanwhile; or as `write`.
    """
    if is_running(settings):
        raise ConfigError([running_workers_problem(settings)])
    write_snapshot(settings, snapshot, report=report)
    if is_running(settings):
        problem = f"workers of {settings.app_id} have started meanwhile"
        raise ConfigError([f"{problem}: stop the workers, and import again"])


def running_workers_problem(settings: Settings) -> str:
    """Say that workers run, and what to do."""
    return (
        f"workers of {settings.app_id} run and would ignore it: stop the workers first"
    )
