"""The lists lane: members added and taken off, each list found or created first."""

from collections.abc import Iterator, Sequence

from agents.context import Context
from agents.engine.producer import Message
from agents.lanes.callers import Callers
from agents.lanes.lane import LaneService
from agents.lanes.options import LaneOptions
from agents.lanes.receipt import Receipt, Waiting
from streams.actions.intents import ProfileUpsert
from streams.actions.kinds import named_by
from streams.audiences.pairing import Pairing, PairingRequest, encode, paired
from streams.delivery.joining import last_word
from streams.delivery.queue import Coalescer, Group
from streams.delivery.verdict import ItemVerdict, dead_letter
from streams.klaviyo.carry import remarked
from streams.klaviyo.items import Identifier, folded, identifiers
from streams.klaviyo.jobs import running_imports, wait_for_imports
from streams.klaviyo.members import add_members, remove_members
from streams.klaviyo.patches import upsert_patched
from streams.klaviyo.results import ListGone

_GONE = dead_letter(
    "list-gone: the list that the event or the settings name is not in Klaviyo; "
    "mend audience_lists or the mapping, then requeue with --from-source"
)


class ListsLane:
    """Adds and removals of list members."""

    def __init__(self, context: Context, options: LaneOptions) -> None:
        self._context = context
        self._callers = Callers(context.klaviyo, rank=options.rank)
        self._asked: dict[str, str] = {}
        self._fence: frozenset[str] = frozenset()
        self._changing: set[tuple[str, Identifier]] = set()
        self.service = LaneService(
            context,
            options=options,
            queue=Coalescer[Receipt](last_word),
            send=self.send,
            sendable=self.sendable,
            due=self._callers.is_due,
        )

    async def take_over(self, _partition: int) -> None:
        """A killed owner may have imports running: removals wait for them."""
        self._fence |= await running_imports(self._context.klaviyo)

    def sendable(self, group: Group) -> bool:
        """Whether the list is known and the gate free; asking for it is `ask`'s."""
        if not self._callers.is_free(group):
            return False
        known = self._list_id(group) or self._pairing(group).refused
        return bool(known) or group.target not in self._asked

    async def send(
        self, group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        """Change one list; None when its audience has no list yet.

        And None while the same is under way for someone of them: an audience and a
        mapping may mean one list, and are no word of each other in the queue.
        """
        if refused := self._pairing(group).refused:
            return [dead_letter(f"no-list: {refused}")] * len(items)
        list_id = self._list_id(group)
        if not list_id:
            await self._ask(group, gone="")
            return None
        people = {(list_id, name) for item in items for name in _names(item)}
        if not people.isdisjoint(self._changing):
            return None
        self._changing |= people
        try:
            answer = await self._change(group, list_id, items)
        finally:
            self._changing -= people
        if not isinstance(answer, ListGone):
            pairs = zip(answer, items, strict=True)
            return [remarked(one, item.activation.intent) for one, item in pairs]
        if group.target.startswith("id:"):
            return [_GONE] * len(items)
        await self._ask(group, gone=list_id)
        return None

    async def _change(
        self, group: Group, list_id: str, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | ListGone:
        klaviyo = self._callers.of(group)
        intents = [item.activation.intent for item in items]
        profiles = [named_by(intent) for intent in intents]
        if group.kind == "patch":
            upserts = [one for one in intents if isinstance(one, ProfileUpsert)]
            return await upsert_patched(klaviyo, upserts, list_id=list_id)
        if group.kind == "add":
            few = self._context.settings.bulk_min_items
            return await add_members(klaviyo, list_id, profiles, bulk_min_items=few)
        fence = self._fence
        await wait_for_imports(klaviyo, fence)
        self._fence -= fence
        return await remove_members(klaviyo, list_id, profiles)

    def _list_id(self, group: Group) -> str:
        list_id = self._pairing(group).list_id
        return "" if list_id == self._asked.get(group.target) else list_id

    def _pairing(self, group: Group) -> Pairing:
        kind, _, name = group.target.partition(":")
        if kind == "id":
            return Pairing(list_id=name)
        return paired(self._context.lists.rows, name)

    async def _ask(self, group: Group, *, gone: str) -> None:
        self._asked[group.target] = gone
        audience = group.target.partition(":")[2]
        request = encode(PairingRequest(audience=audience, gone=gone))
        topic = self._context.settings.topics.audiences
        await self._context.producer.send([Message(topic, audience.encode(), request)])


def _names(item: Waiting) -> Iterator[Identifier]:
    return map(folded, identifiers(named_by(item.activation.intent)))
