"""What waits on a lane: coalesced, in order for each profile, grouped into batches.

A key is what must stay in order: a user's changes of one list, of attributes, of
consent. One key is never in two batches at once. What waits behind another of its key
is joined with it where one request can do both, and else waits for its turn, so that
what Klaviyo ends with is the last word (invariants 2 and 4).
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from streams.actions.activation import ANY_BATCH, Activation, Batch
from streams.actions.intents import EventRecord
from streams.actions.kinds import kind_of, list_of

R = TypeVar("R")


class Key(NamedTuple):
    """Whose order counts, and in what: a list, an event's id, or empty."""

    user: str
    matter: str


class Group(NamedTuple):
    """What one request can carry together.

    Attributes:
        kind: The operation that does it.
        target: The list: `id:<list id>`, `audience:<key>`; empty for none.
        action: The action's name.
        batch: What the mapping says of batches.
        past: Whether it goes behind all others: events of the past, and replays.
    """

    kind: str
    target: str
    action: str
    batch: Batch = ANY_BATCH
    past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[R]):
    """One thing to send, and the receipts of all that it answers for."""

    activation: Activation
    receipts: tuple[R, ...]
    since_s: float

    @property
    def group(self) -> Group:
        """The batch it can go into."""
        one = self.activation
        return Group(
            kind_of(one.intent), target_of(one), one.action, one.batch, is_past(one)
        )

    @property
    def key(self) -> Key:
        """What it must stay in order with."""
        return Key(self.activation.user, matter_of(self.activation))


def is_past(activation: Activation) -> bool:
    """Whether what happens now goes first."""
    intent = activation.intent
    backfill = isinstance(intent, EventRecord) and intent.backfill
    return backfill or bool(activation.replay)


def target_of(activation: Activation) -> str:
    """The list it means: `id:<list id>`, `audience:<key>`; empty for none."""
    if list_id := list_of(activation.intent):
        return f"id:{list_id}"
    return f"audience:{activation.audience}" if activation.audience else ""


def matter_of(activation: Activation) -> str:
    """What of a user it is about: events have no order, consent has one for all."""
    match activation.intent:
        case EventRecord() as event:
            return f"{event.metric}\0{event.unique_id}"
        case intent if kind_of(intent) in _IN_ORDER_FOR_ALL:
            return ""
        case _:
            return target_of(activation)


_IN_ORDER_FOR_ALL = frozenset(
    {"subscribe", "unsubscribe", "suppress", "unsuppress", "delete"}
)

Joined = tuple[Item[R], list[Item[R]]]
"""The item that stays, and those it makes pointless."""

Join = Callable[[Item[R], Item[R]], Joined[R] | None]
"""What becomes of an older and a newer one of a key; None: they go one by one."""


class Coalescer(Generic[R]):
    """The waiting and the busy of one lane.

    Args:
        join: Says what becomes of two waiting items of one key.
    """

    def __init__(self, join: Join[R]) -> None:
        self._join = join
        self._lines: dict[Key, deque[Item[R]]] = {}
        self._groups: dict[Group, dict[Key, Item[R]]] = {}
        self._busy: set[Key] = set()
        self._put_back_s: dict[Group, float] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def busy_count(self) -> int:
        """Items being sent."""
        return len(self._busy)

    def offer(self, item: Item[R]) -> list[Item[R]]:
        """Let an item wait; returns what became pointless."""
        key = item.key
        line = self._lines.setdefault(key, deque())
        joined = self._join(line[-1], item) if line else None
        if joined is None:
            line.append(item)
            self._count += 1
            self._show(key)
            return []
        old, (line[-1], superseded) = line[0].group, joined
        if line[0].group != old:
            self._hide(key, old)
        self._show(key)
        return superseded

    def put_back(self, items: Iterable[Item[R]], *, now_s: float) -> list[Item[R]]:
        """Return what was taken and not settled, before all that waits behind it."""
        superseded: list[Item[R]] = []
        for item in items:
            key = item.key
            self._put_back_s[item.group] = now_s
            line = self._lines.setdefault(key, deque())
            joined = self._join(item, line[0]) if line else None
            if joined is None:
                line.appendleft(item)
                self._count += 1
            else:
                line[0], pointless = joined
                superseded += pointless
            self._busy.discard(key)
            self._show(key)
        return superseded

    def ready(self, *, now_s: float, items_max: int, age_s: float) -> list[Group]:
        """Groups that are full or whose oldest item has waited long enough.

        The longest wait first, so that no list's backlog holds up the others; what was
        put back has waited since then, so that it does not either.
        """
        since_s = {g: next(iter(i.values())).since_s for g, i in self._groups.items()}
        found = [
            group
            for group in self._groups
            if self.is_full(group, items_max=items_max)
            or now_s - since_s[group] >= age_s
        ]
        back_s = self._put_back_s
        return sorted(found, key=lambda one: max(since_s[one], back_s.get(one, 0.0)))

    def is_full(self, group: Group, *, items_max: int) -> bool:
        """Whether a batch of a group that waits can hold no more."""
        return len(self._groups[group]) >= _most(group, items_max)

    def take(
        self, group: Group, *, items_max: int, page_items: int = 1
    ) -> list[Item[R]]:
        """The oldest items of a group; their keys are busy until settled.

        Of more than `page_items` only whole pages: profiles are looked up by the page,
        and a page that is not full costs a request all the same.
        """
        waiting = self._groups[group]
        items_max = min(_most(group, items_max), len(waiting))
        if items_max > page_items:
            items_max -= items_max % page_items
        taken = [item for _, item in zip(range(items_max), waiting.values())]  # noqa: B905 - the shorter ends it
        for item in taken:
            self._hide(item.key, group)
            self._shorten(item.key)
            self._busy.add(item.key)
        return taken

    def settle(self, items: Iterable[Item[R]]) -> None:
        """These have their verdict: what waited for them may go."""
        for item in items:
            if self._put_back_s:  # seldom: a group is not named for each item
                self._put_back_s.pop(item.group, None)
            self._busy.discard(item.key)
            self._show(item.key)

    def drop(self, lost: Callable[[Item[R]], bool]) -> list[Item[R]]:
        """Forget waiting items, and what waits before them: the last word is theirs.

        Args:
            lost: Their partition has left, or they are too old.
        """
        gone: list[Item[R]] = []
        for key, line in list(self._lines.items()):
            many = max(
                (at + 1 for at, item in enumerate(line) if lost(item)), default=0
            )
            if not many:
                continue
            self._hide(key, line[0].group)
            gone += [line.popleft() for _ in range(many)]
            self._count -= many
            if not line:
                del self._lines[key]
            self._show(key)
        return gone

    def _show(self, key: Key) -> None:
        """Let the first of a line wait in its group, if nothing of it is under way."""
        line = self._lines.get(key)
        if line and key not in self._busy:
            self._groups.setdefault(line[0].group, {})[key] = line[0]

    def _hide(self, key: Key, group: Group) -> None:
        items = self._groups.get(group)
        if items is not None and items.pop(key, None) is not None and not items:
            del self._groups[group]

    def _shorten(self, key: Key) -> None:
        line = self._lines[key]
        line.popleft()
        self._count -= 1
        if not line:
            del self._lines[key]


def _most(group: Group, items_max: int) -> int:
    """Say how many a batch holds: the mapping may ask for fewer than the lane."""
    return min(group.batch.items_max or items_max, items_max)
