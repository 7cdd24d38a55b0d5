"""The memberships table on its way out of a cluster, or into another."""

from collections.abc import Callable
from contextlib import closing

from confluent_kafka import KafkaError, KafkaException
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


def workers_running(settings: Settings) -> int:
    """How many workers hold the table in memory.

    Raises:
        ConfigError: Kafka does not say.
    """
    admin = AdminClient(kafka_access(settings).librdkafka())
    group = f"{settings.app_id}.activate"
    asked = admin.describe_consumer_groups([group], request_timeout=TIMEOUT_S)
    try:
        return len(asked[group].result().members)
    except KafkaException as refused:
        error = refused.args[0]
        if error.code() == KafkaError.GROUP_ID_NOT_FOUND:
            return 0
        raise ConfigError([f"kafka: group {group}: {error.name()}"]) from None


def write_alone(
    settings: Settings,
    copy: Copy,
    *,
    say: Say,
    running: Callable[[Settings], int] = workers_running,
) -> None:
    """Write while no worker runs: one would never read it, or write before it.

    Args:
        settings: Name the cluster and the topics.
        copy: What is written, each row whole.
        say: Told how far it is.
        running: Counts workers.

    Raises:
        ConfigError: A worker runs, or has started meanwhile; or as `write`.
    """
    if found := running(settings):
        raise ConfigError([told_running(settings, found)])
    write(settings, copy, say=say)
    if found := running(settings):
        started = f"workers of {settings.app_id} have started meanwhile ({found})"
        raise ConfigError([f"{started}: stop the workers, and import again"])


def told_running(settings: Settings, found: int) -> str:
    """Say that workers run, and what to do."""
    return (
        f"workers of {settings.app_id} run ({found}) and would ignore it: "
        "stop the workers first"
    )
