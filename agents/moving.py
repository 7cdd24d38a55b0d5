"""The memberships table on its way out of a cluster, or into another."""

from collections.abc import Callable
from contextlib import closing

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from agents.changelog import read_compacted, read_rows
from agents.context import kafka_access
from agents.engine.producer import Message
from agents.reading import kafka_told
from agents.reentry import Publisher
from agents.replaying.lag import Lag
from streams.audiences import pairing
from streams.audiences.moving import Copy
from streams.audiences.row import encode_row
from streams.errors import ConfigError
from streams.settings import Settings

TIMEOUT_S = 30.0
ROWS_EACH = 10_000
"""Rows between two words of progress; each part is durable before the next."""

NOBODY_IN_IT = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)

NOBODY_KNOWS = 1 << 60
"""`Lag` gives more where Kafka doesn't say."""

Say = Callable[[str], None]
"""Takes a line of progress."""


def read(settings: Settings, *, say: Say) -> Copy:
    """Read all that Kafka has.

    Args:
        settings: Name the cluster and the topics.
        say: Told which topic is read.

    Raises:
        ConfigError: Kafka or a topic is not there.
    """
    kafka, topics = kafka_access(settings), settings.topics
    say(f"reading {topics.memberships_changelog}")
    rows = read_rows(kafka, topics.memberships_changelog)
    say(f"reading {topics.lists}")
    lists = read_compacted(kafka, topics.lists)
    pairings = {
        audience.decode(): pairing.decode_pairing(row)
        for audience, row in lists.items()
    }
    return Copy({user: row for user, row in rows.items() if row}, pairings)


def write(settings: Settings, copy: Copy, *, say: Say) -> None:
    """Write rows and pairings; durable on return.

    A user's key decides the partition, as intake's does for the user's events: the
    cluster may have another number of them than the one the rows come from.

    Args:
        settings: Name the cluster and the topics.
        copy: What is written, each row whole.
        say: Told how far it is.

    Raises:
        ConfigError: Kafka does not take one; what was written stays, and doing it all
            once more does no harm.
    """
    publisher, topics = Publisher(kafka_access(settings)), settings.topics
    lists = [
        Message(topics.lists, name.encode(), pairing.encode(one), partition=0)
        for name, one in copy.pairings.items()
    ]
    publisher.publish(lists)
    users = list(copy.rows)
    for start in range(0, len(users), ROWS_EACH):
        part = users[start : start + ROWS_EACH]
        changelog = topics.memberships_changelog
        publisher.publish(
            [
                Message(changelog, user.encode(), encode_row(copy.rows[user]))
                for user in part
            ]
        )
        say(f"written {start + len(part)} of {len(users)} rows")


def waiting(settings: Settings) -> tuple[str, int]:
    """Say which hop has most to do, and how many records wait for it.

    The table has what they say as told already: exported now, nobody would tell it.

    Raises:
        ConfigError: Kafka does not say.
    """
    with kafka_told():
        lag = Lag(kafka_access(settings), settings)
    with closing(lag):
        try:
            hop, count = lag.most()
        except ValueError:  # no topic is there at all; `read` says so
            return "", 0
    if count > NOBODY_KNOWS:
        raise ConfigError([f"kafka: {hop}: nobody knows how many records wait"])
    return hop.removeprefix(f"{settings.app_id}."), count


def workers_run(settings: Settings) -> bool:
    """Whether a worker holds the table in memory.

    Groups are listed, not described: librdkafka 2.16 aborts the process when an admin
    client loses the coordinator that it asks (its issue 4605). What a broker older than
    2.6 does not say of a group counts as running.

    Raises:
        ConfigError: Kafka does not say.
    """
    admin = AdminClient(kafka_access(settings).librdkafka())
    group = f"{settings.app_id}.activate"
    try:
        told = admin.list_consumer_groups(request_timeout=TIMEOUT_S).result()
    except KafkaException as refused:
        raise _unknown(group, refused) from None
    if told.errors:  # of a broker that may have it
        raise _unknown(group, told.errors[0])
    states = {one.group_id: one.state for one in told.valid}
    return states.get(group, ConsumerGroupState.DEAD) not in NOBODY_IN_IT


def _unknown(group: str, refused: KafkaException) -> ConfigError:
    return ConfigError([f"kafka: group {group}: {refused.args[0].name()}"])


def write_alone(
    settings: Settings,
    copy: Copy,
    *,
    say: Say,
    running: Callable[[Settings], bool] = workers_run,
) -> None:
    """Write while no worker runs: one would never read it, or write before it.

    Args:
        settings: Name the cluster and the topics.
        copy: What is written, each row whole.
        say: Told how far it is.
        running: Whether workers do.

    Raises:
        ConfigError: A worker runs, or has started meanwhile; or as `write`.
    """
    if running(settings):
        raise ConfigError([told_running(settings)])
    write(settings, copy, say=say)
    if running(settings):
        started = f"workers of {settings.app_id} have started meanwhile"
        raise ConfigError([f"{started}: stop the workers, and import again"])


def told_running(settings: Settings) -> str:
    """Say that workers run, and what to do."""
    return (
        f"workers of {settings.app_id} run and would ignore it: stop the workers first"
    )
