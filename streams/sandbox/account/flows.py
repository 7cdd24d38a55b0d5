"""The flows of the account: only what starts them is known."""

from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One flow.

    Attributes:
        id: Klaviyo's id.
        seq: Place in the order of creation.
        name: Its name.
        status: `draft`, `manual` or `live`.
        trigger_id: Id of the list or metric that starts it.
        trigger_type: Klaviyo's name of that kind of trigger.
        created_s: When it was created.
    """

    id: str
    seq: int
    name: str
    status: str
    trigger_id: str
    trigger_type: str
    created_s: float


class Flows:
    """All flows."""

    def __init__(self) -> None:
        self._seq = count(1)
        self.by_id: dict[str, Flow] = {}

    def clear(self) -> None:
        """Forget all flows."""
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
        """Add a flow."""
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
