"""Least rights on Kafka: what the user of a worker or a command must be allowed.

The same list makes the commands of `klaviyo-streams topics --acls`, the table in
`deploy/README.md`, and the ACLs of the tests that run journeys with nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from streams.settings.model import LaneId, Settings

ADMIN_GROUP = "klaviyo-streams.admin"
"""Group under which commands read topics; they commit nothing and join no group."""

Resource = Literal["topic", "group", "transactional-id"]


class Acl(NamedTuple):
    """Operations that a user may use on a resource of that very name.

    Attributes:
        resource: Kind of the resource.
        name: Its name.
        operations: The operations.
        is_prefix: Whether all resources count whose names begin with the name.
    """

    resource: Resource
    name: str
    operations: tuple[str, ...]
    is_prefix: bool = False


class _Rights:
    """Rights that are collected, and merged for each resource."""

    def __init__(self) -> None:
        self._operations: dict[tuple[Resource, str], set[str]] = defaultdict(set)
        self._by_prefix: list[Acl] = []

    def add(self, operation: str, *topics: str) -> "_Rights":
        for topic in topics:
            self._operations["topic", topic].add(operation)
        return self

    def join(self, *groups: str) -> "_Rights":
        for group in groups:
            self._operations["group", group].add("READ")
        return self

    def look_at(self, *groups: str) -> "_Rights":
        for group in groups:
            self._operations["group", group].add("DESCRIBE")
        return self

    def read(self, *topics: str) -> "_Rights":
        return self.add("READ", *topics)

    def write(self, *topics: str) -> "_Rights":
        return self.add("WRITE", *topics)

    def hold_leases(self, prefix: str) -> "_Rights":
        self._by_prefix += [
            Acl("group", prefix, ("READ",), is_prefix=True),
            Acl("transactional-id", prefix, ("WRITE",), is_prefix=True),
        ]
        return self

    def acls(self) -> list[Acl]:
        return [
            Acl(resource, name, tuple(sorted(operations)))
            for (resource, name), operations in sorted(self._operations.items())
        ] + self._by_prefix


def least_acls(settings: Settings, topics: Iterable[str]) -> dict[str, list[Acl]]:
    """Return the rights of the worker and of each command that uses Kafka.

    READ and WRITE on a topic, and READ on a group, include DESCRIBE.

    Args:
        settings: Names of topics and groups, and the stages of the worker.
        topics: Every topic of the pipeline, the source topics included.
    """
    every_topic = tuple(topics)
    rights = {"worker": _worker(settings).add("DESCRIBE", *every_topic)}
    rights["topics"] = _Rights().add("DESCRIBE", *every_topic)
    rights["topics"].add("CREATE", *every_topic)
    return {
        role: collected.acls()
        for role, collected in (rights | _commands(settings, every_topic)).items()
    }


def _worker(settings: Settings) -> _Rights:
    topics = settings.topics
    rights = _Rights().read(topics.replays, topics.audience_lists)
    rights.read(topics.offset_backup)
    rights.write(topics.offset_backup, topics.outcomes, topics.deadletters)
    for stage in settings.stages:
        _STAGES[stage](rights, settings)
    return rights


def _add_intake(rights: _Rights, settings: Settings) -> None:
    topics = settings.topics
    rights.read(*settings.source_topics, topics.reprocess).write(topics.events)
    rights.join(f"{settings.app_id}.intake")


def _add_activate(rights: _Rights, settings: Settings) -> None:
    topics = settings.topics
    rights.read(topics.events, topics.held_events, topics.memberships_changelog)
    rights.write(topics.events, topics.held_events, topics.memberships_changelog)
    rights.write(*topics.activations.values())
    rights.join(f"{settings.app_id}.activate", f"{settings.app_id}.release")


def _add_deliver(rights: _Rights, settings: Settings) -> None:
    topics = settings.topics
    rights.read(topics.list_requests, *(topics.activations[x] for x in settings.lanes))
    rights.write(topics.list_requests, topics.audience_lists)
    rights.join(f"{settings.app_id}.list_resolver")
    rights.join(*(f"{settings.app_id}.deliver.{lane}" for lane in settings.lanes))


_STAGES = {
    "intake": _add_intake,
    "activate": _add_activate,
    "deliver": _add_deliver,
}


def _commands(settings: Settings, every_topic: Iterable[str]) -> dict[str, _Rights]:
    topics, sources = settings.topics, settings.source_topics
    lanes = tuple(topics.activations.values())
    stages = ("intake", "activate", *(f"deliver.{lane}" for lane in LaneId))
    groups = tuple(f"{settings.app_id}.{stage}" for stage in stages)
    table = (topics.memberships_changelog, topics.audience_lists)
    stage_topics = (*sources, topics.reprocess, topics.events, *lanes)
    return {
        "audiences": _reader().read(topics.memberships_changelog),
        "audiences export": _reader()
        .read(*table)
        .add("DESCRIBE", *stage_topics, topics.held_events)
        .look_at(*groups, f"{settings.app_id}.release"),
        "audiences import": _reader()
        .read(*table)
        .write(*table)
        .look_at(*groups, f"{settings.app_id}.release"),
        "deadletters list, show": _reader().read(
            topics.deadletters, topics.deadletters_resolved
        ),
        "deadletters requeue, discard": _reader()
        .read(topics.deadletters, topics.deadletters_resolved, *sources)
        .write(topics.deadletters_resolved, topics.outcomes)
        .write(topics.reprocess, topics.events),
        "replay": _reader()
        .read(*stage_topics, topics.deadletters, topics.outcomes, topics.replays)
        .write(topics.reprocess, topics.events, topics.replays)
        .look_at(*groups),
        "reconcile": _reader()
        .read(*table, *sources, topics.outcomes)
        .write(topics.events),
        "sources inspect": _reader().read(*sources),
        "sync": _Rights().write(*sources, topics.deadletters),
        "sync with state: topic": _reader()
        .write(*sources, topics.deadletters, topics.sync_state, topics.sync_state_rows)
        .read(topics.sync_state, topics.sync_state_rows)
        .add("DESCRIBE", *every_topic)
        .hold_leases(f"{settings.app_id}.sync."),
    }


def _reader() -> _Rights:
    return _Rights().look_at(ADMIN_GROUP)


def acl_table(roles: Mapping[str, Iterable[Acl]]) -> str:
    """Return a Markdown table with a row for each role and set of operations.

    Args:
        roles: Rights by role, of `least_acls`.
    """
    rows = [
        f"| {role} | {' '.join(operations)} | {resource} | {names} |\n"
        for role, acls in roles.items()
        for (resource, operations), names in _names_by_right(acls)
    ]
    return "| who | operations | on | names |\n|---|---|---|---|\n" + "".join(rows)


def _names_by_right(
    acls: Iterable[Acl],
) -> Iterable[tuple[tuple[Resource, tuple[str, ...]], str]]:
    names: dict[tuple[Resource, tuple[str, ...]], list[str]] = defaultdict(list)
    for acl in acls:
        name = f"{acl.name}*" if acl.is_prefix else acl.name
        names[acl.resource, acl.operations].append(f"`{name}`")
    return [(right, ", ".join(names[right])) for right in sorted(names)]
