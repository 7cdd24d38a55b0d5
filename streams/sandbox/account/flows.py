"""Flows of the account, modelled only by the triggers."""

from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Flow of the account.

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
