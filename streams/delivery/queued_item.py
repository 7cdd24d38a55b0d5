"""Queued items, and the two keys by which a lane orders and batches items."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from streams.actions.activation import DEFAULT_BATCH, Activation, BatchOverride
from streams.actions.intents import EventRecord
from streams.actions.kinds import intent_kind, list_id_of
from streams.actions.list_ref import ListRef, build_list_ref

R = TypeVar("R")

_KINDS_ORDERED_PER_USER = frozenset(
    {"subscribe", "unsubscribe", "suppress", "unsuppress", "delete"}
)


class OrderingKey(NamedTuple):
    """Changes with the same ordering key take effect in the order of the lane.

    Attributes:
        user: The user key.
        subject: The part of the user that changes: a list, one event, or empty for all
            changes of consent.
    """

    user: str
    subject: ListRef | str | None


class BatchKey(NamedTuple):
    """Items with the same batch key may share a request.

    Attributes:
        kind: Kind of the intents.
        list_ref: The list that is changed; None if no list is.
        action: Name of the action.
        batch: Limits that the mapping sets for its batches.
        low_priority: True for backfill and replays: these go behind everything else.
    """

    kind: str
    list_ref: ListRef | None
    action: str
    batch: BatchOverride = DEFAULT_BATCH
    low_priority: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedItem(Generic[R]):
    """Activation to send, and the records that end with its verdict.

    Attributes:
        activation: The activation.
        records: Records of the lane that the item stands for: more than one after a
            merge.
        queued_s: Time at which the oldest of the records was queued.
    """

    activation: Activation
    records: tuple[R, ...]
    queued_s: float

    @property
    def batch_key(self) -> BatchKey:
        """Key of the batch that can hold this item."""
        activation = self.activation
        return BatchKey(
            intent_kind(activation.intent),
            list_ref_of(activation),
            activation.action,
            activation.batch,
            is_low_priority(activation),
        )

    @property
    def ordering_key(self) -> OrderingKey:
        """Key of the changes that stay in order with this item."""
        return OrderingKey(self.activation.user, ordering_subject(self.activation))


def is_low_priority(activation: Activation) -> bool:
    """Return True for backfill and replays: live activations go first."""
    intent = activation.intent
    backfill = isinstance(intent, EventRecord) and intent.backfill
    return backfill or bool(activation.replay)


def list_ref_of(activation: Activation) -> ListRef | None:
    """Return the list that an activation changes, if there is one."""
    list_id = list_id_of(activation.intent)
    return build_list_ref(list_id=list_id, audience=activation.audience)


def ordering_subject(activation: Activation) -> ListRef | str | None:
    """Return the part of a user that must change in order.

    Two different events have no order. All changes of a user's consent share one.
    """
    match activation.intent:
        case EventRecord() as event:
            return f"{event.metric}\0{event.unique_id}"
        case intent if intent_kind(intent) in _KINDS_ORDERED_PER_USER:
            return ""
        case _:
            return list_ref_of(activation)
