"""Interface of a broker under test, and the admin calls that every broker shares."""

import logging
import time
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

_POLL_S = 0.05
_TIMEOUT_S = 10.0
_READY_TIMEOUT_S = 240.0
"""Longest wait for a cold JVM on a busy machine, which normally needs seconds."""

_silent_logger = logging.getLogger("tests.brokers.librdkafka")
_silent_logger.addHandler(logging.NullHandler())
_silent_logger.propagate = False


class Broker(Protocol):
    """Broker or cluster that is up and reachable."""

    name: str
    """Description for the reader of a test run."""
    durable: bool
    """The broker keeps its data when stopped, has a controller, and expires members."""

    @property
    def bootstrap(self) -> str:
        """Addresses for clients: `host:port[,host:port]`."""

    def create_topics(
        self,
        *names: str,
        partitions: int = 1,
        replicas: int | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        """Create topics and return when each partition has a leader."""

    def close(self) -> None:
        """End what this object started, and remove its data."""


class Stoppable(Broker, Protocol):
    """Private broker, or three, that a test may stop and kill.

    `node` counts from 0. Ports and data are kept over a stop, a kill and a restart.
    """

    def start(self, *, node: int = 0) -> None:
        """Start a node that is down; return when it serves."""

    def stop(self, *, node: int = 0) -> None:
        """Shut a node down in order; return when it has ended."""

    def kill(self, *, node: int = 0) -> None:
        """End a node as `kill -9` does."""

    def restart(self, *, node: int = 0) -> None:
        """Stop a node in order, if it is up, and start it."""


def admin(bootstrap: str) -> AdminClient:
    """Return an admin client that reconnects fast and logs nothing."""
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": bootstrap,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 200,
        "socket.timeout.ms": 10_000,
    }
    return AdminClient(settings, logger=_silent_logger)


class GroupMembers(NamedTuple):
    """Members of a consumer group, and its coordinator."""

    ids: frozenset[str]
    is_stable: bool
    coordinator: int
    """Broker id of the coordinator."""


NO_MEMBERS = GroupMembers(frozenset(), is_stable=False, coordinator=-1)
"""Result for a group that no broker knows."""


def group_members(client: AdminClient, group: str) -> GroupMembers:
    """Return the members of the group.

    `describe_consumer_groups` would be newer, but aborts the process when a broker
    goes away meanwhile (librdkafka's issue 4605).

    Raises:
        KafkaException: Not every broker answers now.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        groups: list[Any] = client.list_groups(group, timeout=_TIMEOUT_S)
    for description in groups:
        ids = frozenset(member.id for member in description.members)
        return GroupMembers(ids, description.state == "Stable", description.broker.id)
    return NO_MEMBERS


def await_brokers(
    bootstrap: str, *, count: int, within_s: float = _READY_TIMEOUT_S
) -> None:
    """Wait until the metadata lists the expected number of brokers.

    Raises:
        TimeoutError: They are not, in time.
    """
    client = admin(bootstrap)
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        if _broker_count(client) >= count:
            return
        time.sleep(_POLL_S)
    raise TimeoutError(f"no {count} broker(s) at {bootstrap} within {within_s:.0f} s")


def _broker_count(client: AdminClient) -> int:
    try:
        return len(client.list_topics(timeout=1.0).brokers)
    except KafkaException:
        return 0


def await_in_sync(bootstrap: str, *, within_s: float = _READY_TIMEOUT_S) -> None:
    """Wait until each partition has all its replicas in sync.

    Until then a broker may be the only one that can lead some of them: without it they
    wait for its return, whoever else is up.

    Raises:
        TimeoutError: Some are not, in time.
    """
    client = admin(bootstrap)
    deadline_s = time.monotonic() + within_s
    while out_of_sync := _out_of_sync(client):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not in sync within {within_s:.0f} s: {out_of_sync}")
        time.sleep(_POLL_S)


def _out_of_sync(client: AdminClient) -> list[str]:
    topics = client.list_topics(timeout=_READY_TIMEOUT_S).topics.values()
    return [
        f"{topic.topic}/{part.id}"
        for topic in topics
        for part in topic.partitions.values()
        if set(part.isrs) != set(part.replicas)
    ]


def create_topics(
    bootstrap: str,
    names: tuple[str, ...],
    *,
    partitions: int,
    replicas: int,
    config: Mapping[str, str],
) -> None:
    """Create topics with the admin protocol; return when they have leaders."""
    client = admin(bootstrap)
    new_topics = [
        NewTopic(
            name,
            num_partitions=partitions,
            replication_factor=replicas,
            config=dict(config),
        )
        for name in names
    ]
    for future in client.create_topics(
        new_topics, operation_timeout=_READY_TIMEOUT_S
    ).values():
        future.result(timeout=_READY_TIMEOUT_S)
    deadline_s = time.monotonic() + _READY_TIMEOUT_S
    while not all(_has_leaders(client, name, partitions=partitions) for name in names):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"no leaders for {names}")
        time.sleep(_POLL_S)


def _has_leaders(client: AdminClient, name: str, *, partitions: int) -> bool:
    topic = client.list_topics(name, timeout=_READY_TIMEOUT_S).topics[name]
    leaders = [part.leader for part in topic.partitions.values() if part.leader >= 0]
    return len(leaders) == partitions


def shortest_session_s(bootstrap: str) -> float:
    """Return the shortest session of a consumer group that a broker accepts."""
    client = admin(bootstrap)
    [node] = [
        str(number) for number in list(client.list_topics(timeout=30).brokers)[:1]
    ]
    resource = ConfigResource(ConfigResource.Type.BROKER, node)
    config = client.describe_configs([resource])[resource].result(30)
    return int(config["group.min.session.timeout.ms"].value) / 1000
