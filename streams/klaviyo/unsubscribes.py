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
    freely: dict[str, dict[int, UnsubscribeItem]] = defaultdict(dict)
    guarded: dict[str, dict[int, UnsubscribeItem]] = defaultdict(dict)
    for index, item in enumerate(items):
        wrong = _fault(item)
        if wrong:
            ledger.dead_letter(index, wrong)
            continue
        list_id = item.list_id or ""
        groups = guarded if list_id and not item.everywhere else freely
        groups[list_id][index] = item
    in_part = await asyncio.gather(
        *(
            _Guard(client, at, ledger=ledger).let_go(some)
            for at, some in guarded.items()
        )
    )
    await asyncio.gather(
        *(_submit(client, at, some, ledger=ledger) for at, some in freely.items())
    )
    return _remarked(ledger.verdicts(), set().union(*in_part))


async def _submit(
    client: Caller,
    list_id: str,
    items: Mapping[int, UnsubscribeItem],
    *,
    ledger: Ledger,
) -> None:
    lines = [
        Item(index=index, profile={}, resource=_resource(item))
        for index, item in items.items()
    ]
    await submit(
        client,
        lines,
        write=partial(consent_requests.unsubscribe, list_id=list_id),
        limit=UNSUBSCRIBE.limit,
        ledger=ledger,
        list_id=list_id,
    )


class _Guard:
    """Lets members of one list go, and nobody else.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        ledger: Takes the verdicts.
    """

    def __init__(self, client: Caller, list_id: str, *, ledger: Ledger) -> None:
        self._client = client
        self._list_id = list_id
        self._ledger = ledger

    async def let_go(self, items: Mapping[int, UnsubscribeItem]) -> set[int]:
        """Unsubscribe members.

        Returns:
            Places of items of which one address was left alone.
        """
        names = {index: addresses_of(item) for index, item in items.items()}
        hits = await find_members(
            self._client, names, list_id=self._list_id, ledger=self._ledger
        )
        if hits is None:
            self._no_list(items)
            return set()
        on_list = {at: item for at, item in items.items() if self._is_in(at, hits)}
        strangers = await self._strangers(on_list, hits)
        on_list = {at: it for at, it in on_list.items() if self._ledger.is_open(at)}
        going = leavers(on_list, hits, strangers=strangers)
        way_out = Exit(self._client, self._list_id, ledger=self._ledger)
        if not await way_out.lead(going):
            self._no_list(on_list)
        return strangers

    def _is_in(self, index: int, hits: Hits) -> bool:
        """Say whether an item is to go on; settle it where nobody has its address."""
        if index not in hits and self._ledger.is_open(index):
            self._ledger.discarded(index, NOT_ON_LIST)
        return self._ledger.is_open(index)

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
