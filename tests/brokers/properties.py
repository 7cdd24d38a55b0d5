"""Settings of a Kafka node for tests: small, quick to start, strict."""

from collections.abc import Sequence
from dataclasses import dataclass

MESSAGE_MAX_BYTES = 12 * 1024 * 1024
"""Above the 10 MB record of the malformed-input cases, with its headers."""

CLUSTER_ID = "a2xhdml5by1zdHJlYW1zLQ"
"""Any base64 of 16 bytes; the same for each node of a cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Broker that is its own controller, and its addresses."""

    number: int
    """`node.id`, counted from 1."""
    controller: str
    """`host:port` for the other controllers."""


def node_properties(node: Node, *, nodes: Sequence[Node]) -> dict[str, str]:
    """Return the server properties that do not depend on where the node runs.

    Args:
        node: The node they are for.
        nodes: All nodes of its cluster, itself too.
    """
    voters = ",".join(f"{peer.number}@{peer.controller}" for peer in nodes)
    replicas = str(len(nodes))
    in_sync = str(max(1, len(nodes) - 1))
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "message.max.bytes": str(MESSAGE_MAX_BYTES),
        "replica.fetch.max.bytes": str(MESSAGE_MAX_BYTES),
        "broker.session.timeout.ms": "3000" if len(nodes) > 1 else "9000",
        **_QUICK,
        **_SMALL,
    }


_QUICK = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "500",
}
"""Short times: a member or broker that comes or goes is noticed quickly. A single
broker has no successor, so it keeps Kafka's own session of 9 s: a busy machine that
stands still for a moment must not fence the broker."""

_SMALL = {
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.index.size.max.bytes": "1048576",
    "num.network.threads": "2",
    "num.io.threads": "4",
}
"""Small buffers: the defaults need 128 MB for the log cleaner alone."""
