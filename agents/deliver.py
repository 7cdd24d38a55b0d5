"""Hop 3: lanes become requests to Klaviyo, verdicts become outcomes."""

from collections.abc import Sequence

from faust.types import StreamT

from agents.context import Context
from agents.engine.boot import EngineApp
from agents.engine.producer import Message
from agents.engine.reader import Poll, Reader
from agents.engine.watchdog import guarded
from agents.lane import LaneOptions, LaneService, Receipt, Waiting
from streams.actions.activation import Action, Lane
from streams.audiences.pairing import Pairing, PairingRequest, encode, paired
from streams.delivery.queue import Coalescer, Group, last_word, merged
from streams.delivery.verdict import ItemVerdict, dead_letter
from streams.klaviyo.jobs import running_imports, wait_for_imports
from streams.klaviyo.members import add_members, remove_members
from streams.klaviyo.profiles import upsert_profiles
from streams.klaviyo.quotas import LOOKUP_MAX_VALUES
from streams.klaviyo.results import ListGone


def register(app: EngineApp, lane: LaneService, *, reader: Reader, name: str) -> None:
    """Put a lane's agent on its reader's channel."""

    @app.agent(reader.channel, name=f"deliver.{name}")
    @guarded
    async def deliver(polls: StreamT[Poll]) -> None:
        async for poll in polls:
            groups = poll.begin()
            await lane.take_in(groups)
            for part, _ in groups:
                part.release()


class ListsLane:
    """Adds and removals of list members."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asked: dict[str, str] = {}
        self._fence: frozenset[str] = frozenset()
        self.service = LaneService(
            context,
            options=_options(context, Lane.LISTS),
            queue=Coalescer[Receipt](last_word, ranked=True),
            send=self.send,
            sendable=self.sendable,
        )

    async def take_over(self, _partition: int) -> None:
        """A killed owner may have imports running: removals wait for them."""
        self._fence |= await running_imports(self._context.klaviyo)

    def sendable(self, group: Group) -> bool:
        """Whether the list is known; asking for it is `ask`'s."""
        known = self._list_id(group) or self._pairing(group).refused
        return bool(known) or group.target not in self._asked

    async def send(
        self, group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        """Change one list; None when its audience has no list yet."""
        if refused := self._pairing(group).refused:
            return [dead_letter(f"no-list: {refused}")] * len(items)
        list_id = self._list_id(group)
        if not list_id:
            await self._ask(group, gone="")
            return None
        answer = await self._change(group.action, list_id, items)
        if not isinstance(answer, ListGone):
            return answer
        if group.target.startswith("id:"):
            return [_GONE] * len(items)
        await self._ask(group, gone=list_id)
        return None

    async def _change(
        self, action: Action, list_id: str, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | ListGone:
        klaviyo = self._context.klaviyo
        profiles = [item.activation.profile for item in items]
        if action is Action.ADD_PROFILE_TO_LIST:
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


class ProfilesLane:
    """Profile upserts."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.service = LaneService(
            context,
            options=_options(context, Lane.PROFILES),
            queue=Coalescer[Receipt](merged, ranked=False),
            send=self.send,
            sendable=lambda _group: True,
        )

    async def take_over(self, _partition: int) -> None:
        """Nothing to wait for: upserts of one profile are never in two batches."""

    async def send(
        self, _group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        """Create or update profiles."""
        profiles = [item.activation.profile for item in items]
        few = self._context.settings.bulk_min_items
        return await upsert_profiles(
            self._context.klaviyo, profiles, bulk_min_items=few
        )


_GONE = dead_letter(
    "list-gone: the list that the event or the settings name is not in Klaviyo; "
    "mend audience_lists, then requeue"
)


def _options(context: Context, lane: Lane) -> LaneOptions:
    settings = context.settings
    return LaneOptions(
        lane=lane,
        items_max=settings.batch_max_items,
        age_s=settings.batch_max_age_s,
        page_items=LOOKUP_MAX_VALUES,
        window_items=settings.lane_window_items,
        grace_s=settings.rebalance_timeout_s / 4,
    )
