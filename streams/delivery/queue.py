"""What waits on a lane: coalesced, in order for each profile, grouped into batches.

A key is a profile and what is changed of it (a list, or its attributes). One key is
never in two batches at once, and a newer activation takes the place of one that still
waits, so that what Klaviyo ends with is the last word (invariants 2 and 4).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

from streams.actions.activation import Action, Activation
from streams.events.origin import Origin

R = TypeVar("R")


class Key(NamedTuple):
    """A profile and what of it changes: a list target, or empty for its attributes."""

    user: str
    target: str


class Group(NamedTuple):
    """What one request can carry together."""

    action: Action
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[R]):
    """One thing to send, and the receipts of all that it answers for."""

    activation: Activation
    receipts: tuple[R, ...]
    since_s: float

    @property
    def group(self) -> Group:
        """The batch it can go into."""
        return Group(self.activation.action, target_of(self.activation))

    @property
    def key(self) -> Key:
        """What it must stay in order with."""
        return Key(self.activation.user, target_of(self.activation))


def target_of(activation: Activation) -> str:
    """The list it means: `id:<list id>`, `audience:<key>`, or empty for none."""
    if activation.list_id:
        return f"id:{activation.list_id}"
    return f"audience:{activation.audience}" if activation.audience else ""


RANKS_MAX = 200_000
"""Keys whose last rank is remembered: some 50 MB at most."""


class Coalescer(Generic[R]):
    """The waiting and the busy of one lane.

    Args:
        join: What becomes of an older waiting item and a newer one of its key: the
            item that stays, and those it makes pointless.
        ranked: Whether an item that happened before one already seen of its key is
            pointless, however late it arrives: a worker killed or frozen in activate
            may have told its edges again, behind newer ones.
    """

    def __init__(
        self,
        join: Callable[[Item[R], Item[R]], tuple[Item[R], list[Item[R]]]],
        *,
        ranked: bool,
    ) -> None:
        self._join = join
        self._ranked = ranked
        self._ranks: OrderedDict[Key, tuple[int, Origin]] = OrderedDict()
        self._groups: dict[Group, dict[Key, Item[R]]] = {}
        self._group_of: dict[Key, Group] = {}
        self._blocked: dict[Key, Item[R]] = {}
        self._busy: set[Key] = set()

    def __len__(self) -> int:
        return len(self._group_of) + len(self._blocked)

    @property
    def busy_count(self) -> int:
        """Items being sent."""
        return len(self._busy)

    def offer(self, item: Item[R]) -> list[Item[R]]:
        """Let an item wait; returns what became pointless, itself perhaps."""
        if self._ranked and self._outranked(item):
            return [item]
        older = self._withdraw(item.key)
        superseded: list[Item[R]] = []
        if older is not None:
            item, superseded = self._join(older, item)
        self._wait(item)
        return superseded

    def put_back(self, items: Iterable[Item[R]]) -> list[Item[R]]:
        """Return what was taken and not settled; a newer waiting item wins."""
        superseded: list[Item[R]] = []
        for item in items:
            self._busy.discard(item.key)
            newer = self._withdraw(item.key)
            kept = item
            if newer is not None:
                kept, pointless = self._join(item, newer)
                superseded += pointless
            self._wait(kept)
        return superseded

    def ready(self, *, now_s: float, items_max: int, age_s: float) -> list[Group]:
        """Groups that are full or whose oldest item has waited long enough."""
        return [
            group
            for group, items in self._groups.items()
            if len(items) >= items_max
            or now_s - next(iter(items.values())).since_s >= age_s
        ]

    def take(
        self, group: Group, *, items_max: int, page_items: int = 1
    ) -> list[Item[R]]:
        """The oldest items of a group; their keys are busy until settled.

        Of more than `page_items` only whole pages: profiles are looked up by the page,
        and a page that is not full costs a request all the same.
        """
        waiting = self._groups[group]
        items_max = min(items_max, len(waiting))
        if items_max > page_items:
            items_max -= items_max % page_items
        taken = [item for _, item in zip(range(items_max), waiting.values())]  # noqa: B905 - the shorter ends it
        for key in [item.key for item in taken]:
            self._withdraw(key)
            self._busy.add(key)
        return taken

    def settle(self, items: Iterable[Item[R]]) -> None:
        """These have their verdict: what waited for them may go."""
        for item in items:
            key = item.key
            self._busy.discard(key)
            waiting = self._blocked.pop(key, None)
            if waiting is not None:
                self._wait(waiting)

    def drop(self, lost: Callable[[R], bool]) -> list[Item[R]]:
        """Forget waiting items any receipt of which is lost to another worker."""
        waiting = [item for items in self._groups.values() for item in items.values()]
        gone = [
            item
            for item in (*waiting, *self._blocked.values())
            if any(lost(receipt) for receipt in item.receipts)
        ]
        for item in gone:
            self._withdraw(item.key)
        return gone

    def _outranked(self, item: Item[R]) -> bool:
        key = item.key
        rank = (item.activation.time_ms, item.activation.origin)
        last = self._ranks.pop(key, rank)
        self._ranks[key] = max(rank, last)
        if len(self._ranks) > RANKS_MAX:
            self._ranks.popitem(last=False)
        return rank < last

    def _wait(self, item: Item[R]) -> None:
        key, group = item.key, item.group
        if key in self._busy:
            self._blocked[key] = item
            return
        self._groups.setdefault(group, {})[key] = item
        self._group_of[key] = group

    def _withdraw(self, key: Key) -> Item[R] | None:
        group = self._group_of.pop(key, None)
        if group is None:
            return self._blocked.pop(key, None)
        items = self._groups[group]
        item = items.pop(key)
        if not items:
            del self._groups[group]
        return item


def last_word(older: Item[R], newer: Item[R]) -> tuple[Item[R], list[Item[R]]]:
    """Lists: the newer one alone is sent; it keeps its elder's place in time."""
    return replace(newer, since_s=older.since_s), [older]


def merged(older: Item[R], newer: Item[R]) -> tuple[Item[R], list[Item[R]]]:
    """Profiles: one request that sets what either sets, the newer one winning."""
    profile = _merge(older.activation.profile, newer.activation.profile)
    activation = Activation(
        action=newer.activation.action,
        user=newer.activation.user,
        profile=profile,
        time_ms=newer.activation.time_ms,
        origin=newer.activation.origin,
    )
    receipts = older.receipts + newer.receipts
    return Item(activation=activation, receipts=receipts, since_s=older.since_s), []


def _merge(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    nested = {
        name: older[name] | newer[name]
        for name in ("properties", "location")
        if isinstance(older.get(name), dict) and isinstance(newer.get(name), dict)
    }
    return older | newer | nested
