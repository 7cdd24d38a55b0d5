"""Export of the memberships table from a cluster, and import into another."""

from collections.abc import Callable
from contextlib import closing

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from agents.admin.changelog import read_compacted_topic, read_user_states
from agents.admin.kafka_contact import command_options, describe_kafka_error
from agents.admin.progress import ReportLine
from agents.admin.publisher import RecordPublisher
from agents.admin.replay.lag import UNKNOWN_LAG, LagReader
from agents.engine.kafka import partition_of
from agents.engine.producer import Message
from agents.shared.context import kafka_access
from streams.audiences import list_mapping
from streams.audiences.table_snapshot import TableSnapshot
from streams.errors import ConfigError
from streams.settings import Settings
from streams.state.user_entries import encode_entries

TIMEOUT_S = 30.0
CHUNK_ENTRIES = 10_000
"""Entries between two lines of progress; each chunk is durable before the next."""

EMPTY_GROUP_STATES = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)


def read_snapshot(settings: Settings, *, report: ReportLine) -> TableSnapshot:
    """Read the whole table and the list mappings from Kafka.

    Args:
        settings: Access to Kafka, and the names of the topics.
        report: Receives the name of each topic.

    Raises:
        ConfigError: Kafka does not answer, or a topic does not exist.
    """
    kafka, topics = kafka_access(settings), settings.topics
    report(f"reading {topics.memberships_changelog}")
    users = read_user_states(kafka, topics.memberships_changelog)
    report(f"reading {topics.audience_lists}")
    mapping_rows = read_compacted_topic(kafka, topics.audience_lists)
    list_mappings = {
        audience.decode(): list_mapping.decode_list_mapping(row)
        for audience, row in mapping_rows.items()
    }
    return TableSnapshot(users, list_mappings)


def write_snapshot(
    settings: Settings, snapshot: TableSnapshot, *, report: ReportLine
) -> None:
    """Write entries and list mappings to Kafka; all are durable on return.

    The user key decides the partition, as for the user's events: the number of
    partitions may differ from that of the cluster that the entries come from.

    Args:
        settings: Access to Kafka, and the names of the topics.
        snapshot: Entries and list mappings to write.
        report: Receives lines of progress.

    Raises:
        ConfigError: Kafka does not accept a record. Records written before stay, and
            writing the snapshot again does no harm.
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
    changelog = topics.memberships_changelog
    partitions = publisher.partition_count(changelog)
    entries = [
        Message(
            changelog, key, entry, partition=partition_of(user.encode(), partitions)
        )
        for user, of_user in snapshot.users.items()
        for key, entry in encode_entries(user, of_user)
    ]
    for start in range(0, len(entries), CHUNK_ENTRIES):
        chunk = entries[start : start + CHUNK_ENTRIES]
        publisher.publish(chunk)
        report(f"written {start + len(chunk)} of {len(entries)} entries")


def largest_lag(settings: Settings) -> tuple[str, int]:
    """Return the stage with the largest lag, and the lag.

    The table has the changes of waiting records already, so an export would have
    changes that never reach Klaviyo. Held events would stay behind.

    Raises:
        ConfigError: Kafka does not answer.
    """
    lag = LagReader(kafka_access(settings), settings, with_held_events=True)
    with closing(lag):
        try:
            group, count = lag.read_largest()
        except ValueError:  # no topic exists, which `read_snapshot` reports
            return "", 0
    if count > UNKNOWN_LAG:
        raise ConfigError([f"kafka: {group}: the number of waiting records is unknown"])
    return group.removeprefix(f"{settings.app_id}."), count


def are_workers_running(settings: Settings) -> bool:
    """Return True if a worker has the table in memory.

    Groups are listed, not described: librdkafka 2.16 aborts the process when an admin
    client loses the connection to a coordinator (issue 4605 of librdkafka). A group
    without a state, from a broker older than 2.6, counts as running.

    Raises:
        ConfigError: Kafka does not answer.
    """
    admin = AdminClient(command_options(kafka_access(settings)))
    group = f"{settings.app_id}.activate"
    try:
        listing = admin.list_consumer_groups(request_timeout=TIMEOUT_S).result()
    except KafkaException as failure:
        raise _group_error(group, failure) from None
    if listing.errors:  # from a broker that may have the group
        raise _group_error(group, listing.errors[0])
    states = {
        group_listing.group_id: group_listing.state for group_listing in listing.valid
    }
    return states.get(group, ConsumerGroupState.DEAD) not in EMPTY_GROUP_STATES


def _group_error(group: str, failure: KafkaException) -> ConfigError:
    text = describe_kafka_error(failure.args[0])
    return ConfigError([f"kafka: group {group}: {text}"])


def write_while_stopped(
    settings: Settings,
    snapshot: TableSnapshot,
    *,
    report: ReportLine,
    is_running: Callable[[Settings], bool] = are_workers_running,
) -> None:
    """Write a snapshot while no worker runs.

    A worker that runs would never read the rows, and could write newer rows before.

    Args:
        settings: Access to Kafka, and the names of the topics.
        snapshot: Entries and list mappings to write.
        report: Receives lines of progress.
        is_running: Returns True if workers run.

    Raises:
        ConfigError: A worker runs or has started during the import, or Kafka does not
            accept a record.
    """
    if is_running(settings):
        raise ConfigError([running_workers_problem(settings)])
    write_snapshot(settings, snapshot, report=report)
    if is_running(settings):
        problem = f"workers of {settings.app_id} started during the import"
        raise ConfigError([f"{problem}: stop the workers, and import again"])


def running_workers_problem(settings: Settings) -> str:
    """Return the error text for workers that run."""
    return (
        f"workers of {settings.app_id} run and would ignore the import: "
        "stop the workers first"
    )
