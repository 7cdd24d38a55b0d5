"""Consent withdrawn, and never more of it than was asked."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo import consent_requests
from streams.klaviyo.caller import Caller
from streams.klaviyo.consent_items import Channel, UnsubscribeItem
from streams.klaviyo.consents import consent_fault
from streams.klaviyo.exits import Exit
from streams.klaviyo.items import Item
from streams.klaviyo.lane_quotas import UNSUBSCRIBE
from streams.klaviyo.leavers import UNSUBSCRIBED, addresses_of, leavers
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lookups import Lookup
from streams.klaviyo.memberships import Hits, find_members
from streams.klaviyo.repeats import once_each
from streams.klaviyo.submit import NO_LIST, submit

NOT_ON_LIST = "not-on-list"


async def unsubscribe(
    client: Caller, items: Sequence[UnsubscribeItem]
) -> list[ItemVerdict]:
    """Unsubscribe profiles: from a list, or globally where none is named.

    Klaviyo unsubscribes globally who is not on the list that is named. So who is on it
    is asked first, and the others are left alone unless their item says `everywhere`.

    Args:
        client: Sends the requests.
        items: The profiles, and what they withdraw.

    Returns:
        A verdict for each item, in order: discarded as `not-on-list` for others than
        members, as `repeat` where it says what an earlier one says. `delivered` has
        the reason `not-on-list: ...` where one of two addresses was left alone.
    """
    return await once_each(items, key=_repeat_key, send=partial(_unsubscribe, client))


async def _unsubscribe(
    client: Caller, items: Sequence[UnsubscribeItem]
) -> list[ItemVerdict]:
    ledger = Ledger(len(items))
    freely: dict[int, UnsubscribeItem] = {}
    guarded: dict[str, dict[int, UnsubscribeItem]] = defaultdict(dict)
    for index, item in enumerate(items):
        wrong = _fault(item)
        if wrong:
            ledger.dead_letter(index, wrong)
        elif item.list_id:
            guarded[item.list_id][index] = item
        else:
            freely[index] = item
    guards = [_Guard(client, at, ledger=ledger) for at in guarded]
    await asyncio.gather(*map(_Guard.let_go, guards, guarded.values()))
    for guard in guards:
        freely |= guard.elsewhere
    await _submit(client, freely, ledger=ledger)
    in_part = set[int]().union(*(guard.left_alone for guard in guards))
    return _remarked(ledger.verdicts(), in_part)


async def _submit(
    client: Caller, items: Mapping[int, UnsubscribeItem], *, ledger: Ledger
) -> None:
    """Unsubscribe globally, which bears to be asked twice."""
    lines = [
        Item(index=index, profile={}, resource=_resource(item))
        for index, item in items.items()
    ]
    await submit(
        client,
        lines,
        write=partial(consent_requests.unsubscribe, list_id=""),
        limit=UNSUBSCRIBE.limit,
        ledger=ledger,
        list_id="",
    )


class _Guard:
    """Lets members of one list go, and nobody else.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        ledger: Takes the verdicts.

    Attributes:
        left_alone: Places of items one address of which is not on the list.
        elsewhere: What is to be unsubscribed globally, because its item says so.
    """

    def __init__(self, client: Caller, list_id: str, *, ledger: Ledger) -> None:
        self._client = client
        self._list_id = list_id
        self._ledger = ledger
        self.left_alone: set[int] = set()
        self.elsewhere: dict[int, UnsubscribeItem] = {}

    async def let_go(self, items: Mapping[int, UnsubscribeItem]) -> None:
        """Unsubscribe members."""
        names = {index: addresses_of(item) for index, item in items.items()}
        hits = await find_members(
            self._client, names, list_id=self._list_id, ledger=self._ledger
        )
        if hits is None:
            self._no_list(items)
            return
        on_list = {at: it for at, it in items.items() if self._is_in(at, it, hits)}
        strangers = await self._strangers(on_list, hits)
        on_list = {at: it for at, it in on_list.items() if self._ledger.is_open(at)}
        going = leavers(on_list, hits, strangers=strangers)
        way_out = Exit(self._client, self._list_id, ledger=self._ledger)
        if not await way_out.lead(going):
            self._no_list(on_list)
            return
        for at in strangers & on_list.keys():
            self._part(at, on_list[at], names=hits[at])

    def _is_in(self, index: int, item: UnsubscribeItem, hits: Hits) -> bool:
        """Say whether an item is to go on; settle it where nobody has its address."""
        if index in hits or not self._ledger.is_open(index):
            return self._ledger.is_open(index)
        if item.everywhere:
            self.elsewhere[index] = msgspec.structs.replace(item, list_id=None)
        else:
            self._ledger.discarded(index, NOT_ON_LIST)
        return False

    def _part(
        self, index: int, item: UnsubscribeItem, *, names: Mapping[str, object]
    ) -> None:
        """See to the address of an item that is not on the list."""
        if not item.everywhere:
            self.left_alone.add(index)
            return
        known = dict.fromkeys(addresses_of(item).keys() & names.keys())
        channels = frozenset(one for one in item.channels if one.address not in known)
        self.elsewhere[index] = msgspec.structs.replace(
            item, list_id=None, channels=channels, **known
        )

    async def _strangers(
        self, items: Mapping[int, UnsubscribeItem], hits: Hits
    ) -> set[int]:
        """Find items one of whose addresses belongs to someone not on the list."""
        doubtful = {
            index: (name, value)
            for index, item in items.items()
            for name, value in addresses_of(item).items()
            if name not in hits[index]
        }
        lookup = Lookup(self._client, self._ledger, doubtful)
        await lookup.run()
        return set(lookup.found())

    def _no_list(self, items: Mapping[int, UnsubscribeItem]) -> None:
        for index in items:
            self._ledger.dead_letter(index, NO_LIST, status=404)


def _fault(item: UnsubscribeItem) -> str:
    if Channel.PUSH in item.channels and not item.push_tokens:
        return "no-push-token: needed for push.marketing"
    return consent_fault(item)


def _resource(item: UnsubscribeItem) -> bytes:
    return consent_requests.consent_resource(
        addresses_of(item),
        item.channels,
        consent=UNSUBSCRIBED,
        push_tokens=item.push_tokens,
    )


def _repeat_key(item: UnsubscribeItem) -> tuple[str, bool, bytes] | None:
    if _fault(item):
        return None
    return item.list_id or "", item.everywhere, _resource(item)


def _remarked(verdicts: list[ItemVerdict], in_part: set[int]) -> list[ItemVerdict]:
    """Say of which items one address was left alone."""
    reason = f"{NOT_ON_LIST}: one of its addresses"
    for index in in_part:
        if verdicts[index].verdict is Verdict.DELIVERED:
            verdicts[index] = msgspec.structs.replace(verdicts[index], reason=reason)
    return verdicts
