"""Events of the account, their metrics, and the flows that events or lists start."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from streams.sandbox.jsonapi.messages import JsonObject

EventIdentity: TypeAlias = tuple[str, str, str]
"""Profile id, metric id, unique id (or the second, if there is no unique id)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """Kind of event in an account.

    Attributes:
        id: Klaviyo's id.
        seq: Position in the order of creation.
        name: Name of the metric, case-sensitive.
        created_s: Time of creation.
    """

    id: str
    seq: int
    name: str
    created_s: float


@dataclass(slots=True, kw_only=True, eq=False)
class StoredEvent:
    """Recorded event of a profile.

    Attributes:
        id: Klaviyo's id.
        seq: Position in the order of recording.
        profile_id: Profile that the event belongs to.
        metric_id: Metric of the event.
        time_s: Time of the event, truncated to the second.
        unique_id: Unique id from the caller, or the second if there was none.
        properties: Properties of the event.
        value: Monetary value.
        value_currency: ISO 4217 code of the value.
        backfill: True if the event was recorded without triggering flows.
    """

    id: str
    seq: int
    profile_id: str
    metric_id: str
    time_s: int
    unique_id: str
    properties: JsonObject
    value: float | None = None
    value_currency: str | None = None
    backfill: bool = False


class Events:
    """All events and metrics of the account.

    Args:
        metrics: Names of metrics that exist from the beginning.
        now_s: Creation time of those metrics.
    """

    def __init__(self, metrics: Iterable[str], *, now_s: float) -> None:
        self._metric_seq = count(1)
        self._event_seq = count(1)
        self.metrics: dict[str, Metric] = {}
        self.metric_names: dict[str, Metric] = {}
        self.by_key: dict[EventIdentity, StoredEvent] = {}
        self.duplicate_count = 0
        self.ignored_count = 0
        self.clear(metrics, now_s=now_s)

    def clear(self, metrics: Iterable[str], *, now_s: float) -> None:
        """Delete all events, and all metrics except the given metrics."""
        self.metrics.clear()
        self.metric_names.clear()
        self.by_key.clear()
        self.duplicate_count = self.ignored_count = 0
        for name in metrics:
            self.get_or_create_metric(name, now_s=now_s)

    def get_or_create_metric(self, name: str, *, now_s: float) -> Metric:
        """Return the metric with a name, creating the metric if needed."""
        metric = self.metric_names.get(name)
        if metric is None:
            seq = next(self._metric_seq)
            metric = Metric(id=f"M{seq:05d}", seq=seq, name=name, created_s=now_s)
            self.metrics[metric.id] = self.metric_names[name] = metric
        return metric

    def record(
        self, attributes: JsonObject, *, profile_id: str, metric: Metric, time_s: int
    ) -> bool:
        """Record an event, unless an event with the same identity is recorded already.

        Args:
            attributes: Event attributes, already validated.
            profile_id: Profile that the event belongs to.
            metric: Metric of the event.
            time_s: Time of the event.

        Returns:
            True if the event was recorded.
        """
        unique_id = str(attributes.get("unique_id") or time_s)
        key = (profile_id, metric.id, unique_id)
        if key in self.by_key:
            self.duplicate_count += 1
            return False
        seq = next(self._event_seq)
        self.by_key[key] = StoredEvent(
            id=f"E{seq:09d}",
            seq=seq,
            profile_id=profile_id,
            metric_id=metric.id,
            time_s=time_s,
            unique_id=unique_id,
            properties=attributes.get("properties") or {},
            value=attributes.get("value"),
            value_currency=attributes.get("value_currency"),
            backfill=bool(attributes.get("backfill")),
        )
        return True

    def move_to_profile(self, source_id: str, *, into_id: str) -> None:
        """Move the events of a merged profile to another profile."""
        for key in [key for key in self.by_key if key[0] == source_id]:
            event = self.by_key.pop(key)
            event.profile_id = into_id
            self.by_key.setdefault((into_id, *key[1:]), event)

    def remove_profile(self, profile_id: str) -> None:
        """Delete the events of a profile."""
        for key in [key for key in self.by_key if key[0] == profile_id]:
            del self.by_key[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Flow of the account, modelled by no more than the trigger.

    Attributes:
        id: Klaviyo's id.
        seq: Position in the order of creation.
        name: Name of the flow.
        status: `draft`, `manual` or `live`.
        trigger_id: Id of the list or metric that starts the flow.
        trigger_type: Klaviyo's name for the kind of trigger.
        created_s: Time of creation.
    """

    id: str
    seq: int
    name: str
    status: str
    trigger_id: str
    trigger_type: str
    created_s: float


class Flows:
    """All flows of the account."""

    def __init__(self) -> None:
        self._seq = count(1)
        self.by_id: dict[str, Flow] = {}

    def clear(self) -> None:
        """Delete all flows of the account."""
        self.by_id.clear()

    def create(
        self,
        name: str,
        *,
        trigger_id: str,
        trigger_type: str,
        status: str,
        now_s: float,
    ) -> Flow:
        """Add a flow to the account."""
        seq = next(self._seq)
        flow = Flow(
            id=f"W{seq:05d}",
            seq=seq,
            name=name,
            status=status,
            trigger_id=trigger_id,
            trigger_type=trigger_type,
            created_s=now_s,
        )
        self.by_id[flow.id] = flow
        return flow
